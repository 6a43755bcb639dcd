"""What an API key may do and spend, and the periods that a budget is counted in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypeAlias, assert_never

if TYPE_CHECKING:
    from collections.abc import Collection

Role: TypeAlias = Literal["admin", "member", "reader"]  # reader: sees what is its own, and makes or changes nothing
Period: TypeAlias = Literal["total", "day", "month"]

DAY = 86_400  # seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """A key's limits; None does not limit. `budget` is micro-dollars per `period` of UTC.

    `models` are catalogue ids. Under a budget, what has no price is refused, unless `allow_unpriced`.
    """

    budget: int | None = None
    period: Period = "total"
    requests_per_minute: int | None = None
    max_concurrent: int | None = None
    models: tuple[str, ...] | None = None
    providers: tuple[str, ...] | None = None
    allow_unpriced: bool = False

    @property
    def needs_price(self) -> bool:
        """Say whether only what has a price may be ordered."""
        return self.budget is not None and not self.allow_unpriced

    def admits_model(self, names: Collection[str]) -> bool:
        """Say whether a model may be used that has these names."""
        return self.models is None or any(name in self.models for name in names)

    def admits_provider(self, name: str) -> bool:
        """Say whether a provider may be used."""
        return self.providers is None or name in self.providers


UNLIMITED = Limits()


def period_start(period: Period, now: float) -> float:
    """Return when the period began that `now` lies in, in unix seconds; 0 for one that never ends."""
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    match period:
        case "day":
            return today.timestamp()
        case "month":
            return today.replace(day=1).timestamp()
        case "total":
            return 0.0
        case _:
            assert_never(period)


def period_end(period: Period, now: float) -> float | None:
    """Return when the next period begins, in unix seconds; None for one that never ends."""
    start = period_start(period, now)
    match period:
        case "day":
            return start + DAY
        case "month":
            return period_start("month", start + 31 * DAY)
        case "total":
            return None
        case _:
            assert_never(period)
