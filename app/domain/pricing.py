"""What a request will cost, in integer micro-dollars (1/1,000,000 USD), from the catalogue's prices."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.domain.catalogue import ModeSpec

MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Component:
    """One line of an estimate. `unit_price` is dollars per unit; `total_cost` is micro-dollars."""

    type: str
    metric: str
    quantity: float
    billable_quantity: float
    unit_price: float
    total_cost: int


@dataclass(frozen=True, slots=True)
class Quantities:
    """What is bought: `n` outputs of `seconds` each at a resolution, from `images` and `input_seconds` of video."""

    resolution: str
    seconds: float
    n: int
    images: int = 0
    input_seconds: float = 0


def estimate(spec: ModeSpec, bought: Quantities) -> tuple[Component, ...] | None:
    """Price a request in one mode of one offering, or return None where the catalogue has no price for it.

    A resolution the provider chooses itself ("auto") is priced as the dearest it may choose.
    """
    if spec.price is None:
        return None
    lines = []
    if spec.price.video:
        lines.append(_component("output", "video", bought.n, spec.price.video))
    if spec.price.second or not spec.price.video:
        price = spec.price.per_second(bought.resolution)
        lines.append(_component("output", "second", bought.n * bought.seconds, price))
    if bought.images:
        lines.append(_component("input", "image", bought.n * bought.images, spec.price.image))
    if bought.input_seconds:
        lines.append(_component("input", "second", bought.n * bought.input_seconds, spec.price.input_second))
    return tuple(lines)


def total(components: tuple[Component, ...]) -> int:
    """Add an estimate up, in micro-dollars."""
    return sum(component.total_cost for component in components)


def dollars(micros: int) -> float:
    """Show micro-dollars as the dollars of the public API."""
    return micros / MICROS


def micro_dollars(amount: float) -> int:
    """Read dollars as whole micro-dollars, half up."""
    return int((Decimal(str(amount)) * MICROS).to_integral_value(ROUND_HALF_UP))


def _component(kind: str, metric: str, quantity: float, unit_price: float) -> Component:
    exact = Decimal(str(quantity)) * Decimal(str(unit_price)) * MICROS
    return Component(kind, metric, quantity, quantity, unit_price, int(exact.to_integral_value(ROUND_HALF_UP)))
