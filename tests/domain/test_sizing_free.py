"""Models with free dimensions: rule 5."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given

from app.domain.catalogue import ModeSpec
from app.domain.sizing import Asked, normalise
from tests.domain.specs import codes, distance, free, free_specs, pixel_sizes, thorough


@pytest.mark.parametrize(
    ("size", "used"),
    [
        ("1280x720", "1280x720"),
        ("1024x1024", "1024x1024"),
        ("1279x719", "1280x720"),
        ("1000x1000", "992x992"),  # 62.5 steps: a tie goes to the cheaper, smaller frame
        ("1001x1001", "1008x1008"),
        ("3840x2160", "1872x1056"),  # 2048 long would be 2,359,296 pixels; 2,000,000 allow 1885 x 1060
        ("2160x3840", "1056x1872"),
        ("64x64", "256x256"),
        ("128x64", "512x256"),
        ("1x1000", "256x2048"),  # no frame within the limits is as narrow
        ("10000x1000", "2048x256"),
    ],
)
def test_a_size_is_kept_within_the_limits_with_its_ratio(size: str, used: str) -> None:
    found = normalise(Asked(size=size), free((256, 2048), 2_000_000, 16))
    assert found.size == used
    assert (found.ratio, found.resolution) == (used.replace("x", ":"), "auto")
    assert [(w.param, w.code, w.requested, w.used) for w in found.warnings] == (
        [] if size == used else [("size", "converted", size, used)]
    )


@pytest.mark.parametrize(
    ("asked", "used", "warned"),
    [
        (Asked(), "1280x720", []),
        (Asked(aspect_ratio="1:1"), "720x720", []),
        (Asked(size="9:16"), "720x1280", []),
        (Asked(resolution="480p"), "848x480", []),  # 854 wide, but in steps of 16
        (Asked(resolution="1K"), "1360x768", []),  # 1365 wide, but in steps of 16
        (Asked(resolution="4K"), "1872x1056", [("resolution", "converted")]),
        (Asked(resolution="4K", aspect_ratio="1:1"), "1408x1408", [("resolution", "converted")]),
        (Asked(aspect_ratio="100:1"), "2048x256", [("aspect_ratio", "converted")]),
        (Asked(size="100:1"), "2048x256", [("size", "converted")]),
        (Asked(resolution="90p"), "448x256", [("resolution", "converted")]),
    ],
)
def test_a_ratio_and_a_tier_become_the_frame_they_mean(asked: Asked, used: str, warned: list[tuple[str, str]]) -> None:
    found = normalise(asked, free((256, 2048), 2_000_000, 16))
    assert (found.size, codes(found)) == (used, warned)


def test_a_default_that_is_out_of_limits_is_no_news_to_the_client() -> None:
    found = normalise(Asked(), free((256, 1024), tier="1080p"))
    assert (found.size, found.warnings) == ("1024x576", ())


def test_the_default_ratio_of_a_free_model_is_used() -> None:
    spec = ModeSpec(free_size=free().free_size, default_ratio="9:16", default_resolution="720p")
    assert normalise(Asked(), spec).size == "720x1280"


@thorough
@given(size=pixel_sizes, spec=free_specs())
def test_any_size_becomes_a_frame_within_the_limits(size: str, spec: ModeSpec) -> None:
    limits = spec.free_size
    assert limits
    found = normalise(Asked(size=size), spec)
    assert found.width
    assert found.height
    assert limits.min_side <= min(found.width, found.height)
    assert max(found.width, found.height) <= limits.max_side
    assert found.width * found.height <= limits.max_pixels
    assert found.width % limits.multiple == found.height % limits.multiple == 0


@thorough
@given(size=pixel_sizes, spec=free_specs())
def test_the_ratio_is_kept_within_two_steps_wherever_the_limits_allow_it(size: str, spec: ModeSpec) -> None:
    limits = spec.free_size
    assert limits
    width, height = map(int, size.split("x"))
    slope = distance(Fraction(width), Fraction(height))
    found = normalise(Asked(size=size), spec)
    assert found.width
    assert found.height
    long, short = max(found.width, found.height), min(found.width, found.height)
    least, most, area = limits.steps
    assert found.width == found.height or (found.width > found.height) == (width > height)
    if least * slope <= min(most, area // least):
        assert abs(short - long / slope) < 2 * limits.multiple
    else:
        assert short == least * limits.multiple


@thorough
@given(size=pixel_sizes, spec=free_specs())
def test_a_size_that_fits_but_for_its_steps_moves_less_than_a_step(size: str, spec: ModeSpec) -> None:
    limits = spec.free_size
    assert limits
    asked = tuple(map(int, size.split("x")))
    step = limits.multiple
    roomy = all(limits.min_side + step <= side <= limits.max_side - step for side in asked)
    if roomy and (asked[0] + step) * (asked[1] + step) <= limits.max_pixels:
        found = normalise(Asked(size=size), spec)
        assert abs((found.width or 0) - asked[0]) < step
        assert abs((found.height or 0) - asked[1]) < step
