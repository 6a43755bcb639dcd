"""What a request costs, in micro-dollars."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.catalogue import Mode, ModeSpec, Price
from app.domain.pricing import Component, Quantities, dollars, estimate, total
from tests.domain.specs import LITE, V1, V15, spec_of, thorough


def cost(spec: ModeSpec, bought: Quantities) -> int:
    components = estimate(spec, bought)
    assert components is not None
    return total(components)


@pytest.mark.parametrize(
    ("model", "mode", "bought", "micros"),
    [
        # Bills seen at fal (reference/fal.md, section 5).
        (V1, Mode.IMAGE, Quantities("720p", 6, 1, images=1), 422_000),
        (V1, Mode.REFERENCE, Quantities("480p", 6, 1, images=1), 300_000),
        (V1, Mode.EDIT, Quantities("480p", 8, 1, input_seconds=8), 480_000),
        # Computed by hand from the price lists.
        (V1, Mode.TEXT, Quantities("480p", 15, 1), 750_000),
        (V1, Mode.TEXT, Quantities("720p", 6, 3), 1_260_000),
        (V15, Mode.TEXT, Quantities("1080p", 10, 1), 2_500_000),
        (V15, Mode.IMAGE, Quantities("720p", 6, 2, images=1), 1_700_000),
        (V15, Mode.REFERENCE, Quantities("480p", 8, 1, images=3), 670_000),
        (LITE, Mode.TEXT, Quantities("1080p", 1, 1), 140_000),
        (LITE, Mode.IMAGE, Quantities("480p", 6, 1, images=1), 130_000),
    ],
)
def test_an_estimate_is_what_the_provider_bills(model: str, mode: Mode, bought: Quantities, micros: int) -> None:
    assert cost(spec_of(model, mode), bought) == micros


def test_every_line_of_an_estimate_says_what_it_is_for() -> None:
    spec = ModeSpec(price=Price(second={"480p": 0.05}, image=0.002, input_second=0.01))
    assert estimate(spec, Quantities("480p", 6, 2, images=3, input_seconds=4.5)) == (
        Component("output", "second", 12, 12, 0.05, 600_000),
        Component("input", "image", 6, 6, 0.002, 12_000),
        Component("input", "second", 9, 9, 0.01, 90_000),
    )
    assert estimate(spec, Quantities("480p", 6, 1)) == (Component("output", "second", 6, 6, 0.05, 300_000),)


@pytest.mark.parametrize("mode", [Mode.EDIT, Mode.EXTEND])
def test_a_resolution_left_to_the_provider_costs_as_the_dearest(mode: Mode) -> None:
    spec = spec_of(V1, mode, "xai")
    auto = cost(spec, Quantities("auto", 4, 1, input_seconds=8))
    assert auto == 4 * 70_000 + 8 * 10_000
    assert cost(spec, Quantities("480p", 4, 1, input_seconds=8)) == auto - 4 * 20_000


def test_no_price_in_the_catalogue_is_no_estimate() -> None:
    assert estimate(spec_of(V1, Mode.TEXT, "aimlapi"), Quantities("720p", 6, 1)) is None


def test_an_empty_price_is_nothing() -> None:
    assert cost(ModeSpec(price=Price()), Quantities("720p", 6, 1, images=2, input_seconds=3)) == 0


@pytest.mark.parametrize(("price", "micros"), [(0.0000004, 0), (0.0000005, 1), (0.1 + 0.2, 300_000), (0.07, 70_000)])
def test_micro_dollars_are_rounded_half_up_from_the_price_as_written(price: float, micros: int) -> None:
    assert cost(ModeSpec(price=Price(second={"480p": price})), Quantities("480p", 1, 1)) == micros


def test_micro_dollars_are_shown_as_dollars() -> None:
    assert dollars(422_000) == 0.422
    assert dollars(0) == 0


@thorough
@given(n=st.integers(1, 10), seconds=st.integers(1, 15), images=st.integers(0, 7))
def test_n_outputs_cost_n_times_one(n: int, seconds: int, images: int) -> None:
    spec = spec_of(V15, Mode.REFERENCE)
    one = cost(spec, Quantities("720p", seconds, 1, images=images))
    assert cost(spec, Quantities("720p", seconds, n, images=images)) == n * one


def test_a_price_per_video_does_not_rise_with_its_seconds() -> None:
    spec = ModeSpec(price=Price(video=0.49))
    assert {cost(spec, Quantities("auto", seconds, 2)) for seconds in (1, 6, 15)} == {980_000}
    (line,) = estimate(spec, Quantities("auto", 6, 2)) or ()
    assert (line.metric, line.quantity, line.unit_price) == ("video", 2, 0.49)


def test_prices_per_video_and_per_second_add_up() -> None:
    spec = ModeSpec(price=Price(video=0.1, second={"720p": 0.05}))
    assert cost(spec, Quantities("720p", 6, 1)) == 400_000
