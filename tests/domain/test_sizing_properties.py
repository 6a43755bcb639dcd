"""What holds for everything that can be asked of every spec, built in or made up."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.domain.catalogue import ModeSpec, Price
from app.domain.errors import GatewayError
from app.domain.formats import AUTO, frame_size, parse_ratio
from app.domain.sizing import Asked, Normalised, normalise
from tests.domain.specs import (
    asked_values,
    codes,
    distance,
    listed_specs,
    made,
    pixel_sizes,
    ratio_texts,
    second_ranges,
    specs,
    summary,
    thorough,
)

P_TIERS = ("144p", "360p", "480p", "720p", "1080p", "2160p")
PAIRS = ("4:3", "3:2", "16:9", "2:1", "21:9", "8:1")


def turned(ratio: str) -> str:
    width, height = ratio.split(":")
    return f"{height}:{width}"


def again(found: Normalised) -> Asked:
    """Ask for exactly what was found."""
    return Asked(
        size=found.size,
        aspect_ratio=found.ratio if found.size == AUTO else None,
        resolution=found.resolution if found.size == AUTO else None,
        seconds=None if found.seconds is None else str(found.seconds),
    )


@thorough
@given(asked=asked_values, spec=specs)
def test_everything_maps_to_one_supported_combination(asked: Asked, spec: ModeSpec) -> None:
    found = normalise(asked, spec)
    if spec.free_size is None:
        assert found.ratio in (*spec.ratios, spec.default_ratio)
        assert found.resolution in ((*spec.resolutions, spec.default_resolution) if spec.resolutions else (AUTO,))
        known = AUTO not in (found.ratio, found.resolution)
        frame = frame_size(found.resolution, parse_ratio(found.ratio)) if known else (None, None)
        assert (found.width, found.height) == frame
    else:
        assert found.size == found.ratio.replace(":", "x")
    if spec.seconds is None:
        assert found.seconds is None
    else:
        assert found.seconds is not None
        assert spec.seconds.min <= found.seconds <= spec.seconds.max


@thorough
@given(asked=asked_values, spec=specs)
def test_the_result_asked_for_again_is_the_same_without_a_word(asked: Asked, spec: ModeSpec) -> None:
    found = normalise(asked, spec)
    second = normalise(again(found), spec, strict=True)
    assert (summary(second), second.warnings) == (summary(found), ())


@thorough
@given(asked=asked_values, spec=specs)
def test_every_value_is_used_as_asked_or_has_its_warning(asked: Asked, spec: ModeSpec) -> None:
    found = normalise(asked, spec)
    warned = {param for param, _ in codes(found)}
    assert len(warned) == len(found.warnings)
    asked_for = {"size", "aspect_ratio", "resolution"} & {
        name for name in ("size", "aspect_ratio", "resolution") if getattr(asked, name) not in (None, AUTO)
    }
    assert warned <= asked_for | {asked.seconds_param}
    if spec.free_size:
        return
    if "aspect_ratio" in asked_for - warned:
        assert parse_ratio(str(asked.aspect_ratio)) == parse_ratio(found.ratio)
    if "size" in asked_for - warned:
        assert str(asked.size) == found.size or parse_ratio(str(asked.size)) == parse_ratio(found.ratio)


@thorough
@given(asked=asked_values, spec=specs)
def test_strict_refuses_exactly_what_would_be_converted_or_cannot_be_chosen(asked: Asked, spec: ModeSpec) -> None:
    found = normalise(asked, spec)
    undone = [warning for warning in found.warnings if "takes precedence" not in warning.message]
    if not undone:
        assert normalise(asked, spec, strict=True) == found
        return
    with pytest.raises(GatewayError) as error:
        normalise(asked, spec, strict=True)
    assert error.value.code == "unsupported_value"
    assert error.value.param == undone[0].param
    if undone[0].code == "converted":
        assert str(undone[0].used) in error.value.message
        assert "Supported: " in error.value.message


@thorough
@given(asked=asked_values, spec=listed_specs())
def test_no_listed_ratio_is_nearer_than_the_one_used(asked: Asked, spec: ModeSpec) -> None:
    text = asked.aspect_ratio if asked.size in (None, AUTO) else asked.size
    assume(spec.ratios and text not in (None, AUTO))
    found = normalise(asked, spec)
    shape = parse_ratio(str(text).replace("x", ":"))
    used = distance(parse_ratio(found.ratio), shape)
    assert used == min(distance(parse_ratio(ratio), shape) for ratio in spec.ratios)


@thorough
@given(size=pixel_sizes, spec=listed_specs())
def test_no_tier_at_the_ratio_is_nearer_and_no_equal_one_cheaper(size: str, spec: ModeSpec) -> None:
    found = normalise(Asked(size=size), spec)
    assume(found.size not in (AUTO, size))
    width, height = map(int, size.split("x"))
    price = spec.price or Price()

    def cost(tier: str) -> tuple[Fraction, float]:
        frame = frame_size(tier, parse_ratio(found.ratio))
        return distance(Fraction(width * height), Fraction(frame[0] * frame[1])), price.per_second(tier)

    assert cost(found.resolution) == min(map(cost, spec.resolutions))


@thorough
@given(spec=listed_specs())
def test_every_supported_frame_of_any_model_is_itself(spec: ModeSpec) -> None:
    for tier in spec.resolutions:
        for ratio in spec.ratios:
            width, height = frame_size(tier, parse_ratio(ratio))
            found = normalise(Asked(size=f"{width}x{height}"), spec, strict=True)
            assert (found.width, found.height, found.warnings) == (width, height, ())


@thorough
@given(ratio=ratio_texts, spec=listed_specs())
def test_a_ratio_in_size_is_an_aspect_ratio(ratio: str, spec: ModeSpec) -> None:
    assert summary(normalise(Asked(size=ratio), spec)) == summary(normalise(Asked(aspect_ratio=ratio), spec))


@thorough
@given(spec=listed_specs())
def test_a_square_of_1024_equals_one_to_one_with_1k_everywhere(spec: ModeSpec) -> None:
    in_pixels = normalise(Asked(size="1024x1024"), spec)
    assert summary(in_pixels) == summary(normalise(Asked(aspect_ratio="1:1", resolution="1K"), spec))


@thorough
@given(
    size=pixel_sizes,
    wide=st.lists(st.sampled_from(PAIRS), unique=True, min_size=1),
    square=st.booleans(),
    tiers=st.lists(st.sampled_from(P_TIERS), unique=True, min_size=1),
)
def test_a_turned_size_gives_the_turned_frame(size: str, wide: list[str], tiers: list[str], *, square: bool) -> None:
    ratios = (*wide, *(["1:1"] if square else []), *map(turned, wide))
    spec = made(ratios, tuple(tiers))
    width, height = size.split("x")
    shape = Fraction(int(width), int(height))
    nearest = sorted(distance(parse_ratio(ratio), shape) for ratio in ratios)
    assume(nearest[0] != nearest[1])  # a tie goes to the first listed, which one list cannot turn
    upright, turned_over = normalise(Asked(size=size), spec), normalise(Asked(size=f"{height}x{width}"), spec)
    assert (upright.width, upright.height) == (turned_over.height, turned_over.width)
    assert parse_ratio(upright.ratio) == 1 / parse_ratio(turned_over.ratio)
    assert upright.resolution == turned_over.resolution


@thorough
@given(
    side=st.integers(8, 1000).map(lambda n: 2 * n),
    factor=st.integers(2, 6),
    prices=st.tuples(st.sampled_from((0.0, 0.1, 0.4)), st.sampled_from((0.0, 0.1, 0.4))),
    flipped=st.booleans(),
)
def test_a_tie_of_tiers_is_never_dearer(side: int, factor: int, prices: tuple[float, float], *, flipped: bool) -> None:
    low, high = f"{side}p", f"{side * factor * factor}p"
    order = (high, low) if flipped else (low, high)
    spec = made(("1:1",), order, {low: prices[0], high: prices[1]})
    used = normalise(Asked(resolution=f"{side * factor}p"), spec).resolution  # the geometric mean of the two
    if prices[0] == prices[1]:
        assert used == order[0]
    else:
        assert used == (low if prices[0] < prices[1] else high)


@thorough
@given(offered=second_ranges(), whole=st.integers(0, 60), tenths=st.integers(0, 9))
def test_seconds_go_to_the_nearest_and_halves_to_the_cheaper(offered: object, whole: int, tenths: int) -> None:
    assume(whole + tenths > 0)
    spec = ModeSpec.model_validate({"seconds": offered})
    assert spec.seconds
    asked = Fraction(whole * 10 + tenths, 10)
    used = normalise(Asked(seconds=f"{whole}.{tenths}"), spec).seconds
    candidates = spec.seconds.values or range(spec.seconds.min, spec.seconds.max + 1)
    assert used == min(candidates, key=lambda second: (abs(second - asked), second))


@thorough
@given(asked=asked_values, spec=listed_specs())
def test_prices_decide_nothing_but_ties(asked: Asked, spec: ModeSpec) -> None:
    priced, unpriced = normalise(asked, spec), normalise(asked, spec.model_copy(update={"price": None}))
    if summary(priced) == summary(unpriced):
        return
    price = spec.price
    assert price  # a tie, and a cheaper way out of it
    assert price.per_second(priced.resolution) < price.per_second(unpriced.resolution)


@thorough
@given(asked=asked_values, spec=listed_specs())
def test_seconds_and_frames_do_not_touch_each_other(asked: Asked, spec: ModeSpec) -> None:
    found = normalise(asked, spec)
    assert found.seconds == normalise(Asked(seconds=asked.seconds), spec).seconds
    still = normalise(replace(asked, seconds=None), spec)
    assert (found.ratio, found.resolution, found.size) == (still.ratio, still.resolution, still.size)


def test_a_longer_ask_is_never_a_shorter_video() -> None:
    used = [normalise(Asked(seconds=f"{tenth / 10}"), made()).seconds or 0 for tenth in range(1, 200)]
    assert all(before <= after for before, after in pairwise(used))
