"""An offer: one way to serve a request, worked out when it was accepted. The first is tried first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from app.domain.catalogue import Wire  # noqa: TC001 - pydantic reads the annotations of Offer

if TYPE_CHECKING:
    from app.domain.plain import Json


@dataclass(frozen=True, slots=True)
class Offer:
    """A model at a provider with values it supports. `estimate` is micro-dollars per output, None where unpriced."""

    provider: str
    model: str
    endpoint: str
    ratio: str
    resolution: str
    seconds: int | None
    wire: Wire
    estimate: int | None


_OFFERS = TypeAdapter(list[Offer])


def dump(offers: list[Offer]) -> Json:
    """Write offers down as plain data."""
    plain: Json = _OFFERS.dump_python(offers, mode="json")
    return plain


def load(plain: Json) -> list[Offer]:
    """Read what `dump` wrote."""
    return _OFFERS.validate_python(plain)
