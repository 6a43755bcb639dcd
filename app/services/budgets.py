"""What callers may spend and have spent: room for new outputs, requests per minute, balance and usage."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from app.db import budgets, ledger
from app.domain.errors import GatewayError, invalid
from app.domain.pricing import dollars

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.budgets import Balance, Rate
    from app.db.ledger import Group, Span, Usage
    from app.db.session import Database
    from app.domain.limits import Limits
    from app.domain.offers import Offer
    from app.services.accounts import Caller

_BUSY_SECONDS = 5  # after which an output in flight may have ended


@dataclass(frozen=True, slots=True)
class Budgets:
    """Asks and tells how callers stand."""

    database: Database
    clock: Callable[[], float]

    async def admit(self, caller: Caller) -> Rate | None:
        """Count a request of a caller whose requests are limited; the rate says whether it is admitted."""
        if caller.limits.requests_per_minute is None:
            return None
        return await self.database.write(partial(budgets.admit, owner=caller.owner, now=self.clock()), brief=True)

    async def balance(self, caller: Caller) -> Balance:
        """Return how the caller's money stands."""
        async with self.database.read() as session:
            return await budgets.balance(session, caller.owner, self.clock())

    async def shortfall(self, caller: Caller, offers: Sequence[Offer], n: int) -> str | None:
        """Say why the caller's budget would refuse `n` such outputs now; None where it has room."""
        left, wanted = await self.balance(caller), _wanted(offers, n)
        if left.limit is None or max(wanted.reserved, _least(offers)) <= left.limit - left.spent - left.reserved:
            return None
        return _over_budget(left, wanted.reserved).message

    async def usage(self, group: Group, span: Span) -> list[Usage]:
        """Return what was made and what it cost, by group."""
        async with self.database.read() as session:
            return await ledger.usage(session, group, span)


def rate_exceeded(rate: Rate) -> GatewayError:
    """Build the refusal of a request too many."""
    message = f"This API key may make {rate.limit} requests per minute; wait {math.ceil(rate.reset)} s."
    return GatewayError("rate_limit_exceeded", message, retry_after=math.ceil(rate.reset))


def check_number(limits: Limits, n: int) -> None:
    """Refuse more outputs at once than may ever be in flight. Raises GatewayError invalid_value."""
    most = limits.max_concurrent
    if most is not None and n > most:
        raise invalid("n", f"Invalid n: {n}; this API key may have {most} output(s) in flight.")


def dearest(offers: Sequence[Offer]) -> int | None:
    """Return the most that one output may cost by estimate, in micro-dollars; None where nothing has a price."""
    return max((offer.estimate for offer in offers if offer.estimate is not None), default=None)


async def reserve(session: AsyncSession, owner: str, offers: Sequence[Offer], n: int, now: float) -> None:
    """Reserve what `n` outputs may cost, by the dearest offer; within the transaction that makes them.

    Nothing is reserved for what has no price, but something must be left. Raises GatewayError: budget_exceeded,
    concurrency_limit_exceeded.
    """
    wanted = _wanted(offers, n)
    refusal = await budgets.reserve(session, owner, wanted, now, _least(offers))
    if refusal == "concurrency":
        message = "This API key has as many outputs in flight as it may have; wait for one to end."
        raise GatewayError("concurrency_limit_exceeded", message, retry_after=_BUSY_SECONDS)
    if refusal == "budget":
        raise _over_budget(await budgets.balance(session, owner, now), wanted.reserved)


def _wanted(offers: Sequence[Offer], n: int) -> budgets.Change:
    return budgets.Change(reserved=(dearest(offers) or 0) * n, in_flight=n)


def _least(offers: Sequence[Offer]) -> int:
    """Return what must be left, in micro-dollars, though nothing may be reserved."""
    return int(any(offer.estimate is None for offer in offers))


def _over_budget(left: Balance, wanted: int) -> GatewayError:
    period = "" if left.period == "total" else f" for this {left.period}"
    under_way = f" ({_money(left.reserved)} is reserved for what is under way)" if left.reserved else ""
    renewal = "" if left.resets_at is None else f" A new {left.period} begins at {_moment(left.resets_at)}."
    return GatewayError(
        "budget_exceeded",
        f"This costs {_money(wanted)}; {_money(left.available or 0)} of this API key's {_money(left.limit or 0)}"
        f"{period} is left{under_way}.{renewal} An admin may raise the budget (`reelgate keys update`); GET "
        "/v1/balance tells how it stands.",
    )


def _money(micros: int) -> str:
    """Write micro-dollars in dollars, with cents at least."""
    text = f"{dollars(micros):.6f}".rstrip("0")
    return f"${text}{'0' * (2 - len(text.partition('.')[2]))}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%MZ")
