"""The words for size, shape, scale and seconds, and the numbers they mean."""

from __future__ import annotations

from fractions import Fraction

import pytest

from app.domain.errors import GatewayError
from app.domain.formats import (
    RATIO_FORMS,
    RESOLUTION_FORMS,
    SECONDS_FORMS,
    SIZE_FORMS,
    frame_size,
    given,
    half_down,
    half_up,
    parse_pixels,
    parse_ratio,
    parse_seconds,
    parse_tier,
)
from tests.domain.specs import refused


@pytest.mark.parametrize(
    ("text", "meant"),
    [(None, None), ("auto", None), (" AUTO ", None), (" 16:9 ", "16:9"), ("", ""), ("autos", "autos")],
)
def test_auto_says_nothing_more_than_silence(text: str | None, meant: str | None) -> None:
    assert given(text) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1280x720", (1280, 720)),
        ("1280X720", (1280, 720)),
        ("1280 x 720", (1280, 720)),
        ("16:9", None),
        ("big", None),
        ("-1x720", None),
        ("1280x720x3", None),
        ("1280.5x720", None),
        ("٦٤x720", None),  # digits that are not ASCII
        ("1" * 21 + "x1", None),
        ("1280" + " " * 50 + "x720", None),
    ],
)
def test_a_size_in_pixels_is_two_whole_numbers(text: str, meant: tuple[int, int] | None) -> None:
    assert parse_pixels(text) == meant


@pytest.mark.parametrize("text", ["0x720", "1280x0", "0x0"])
def test_a_side_of_zero_pixels_is_refused(text: str) -> None:
    with pytest.raises(GatewayError) as error:
        parse_pixels(text)
    assert refused(error) == ("invalid_value", "size")
    assert SIZE_FORMS in error.value.message


@pytest.mark.parametrize(
    ("text", "meant"),
    [("16:9", Fraction(16, 9)), ("32:18", Fraction(16, 9)), ("1.85:1", Fraction(37, 20)), ("1:0.5", Fraction(2))],
)
def test_a_ratio_is_exact(text: str, meant: Fraction) -> None:
    assert parse_ratio(text) == meant


@pytest.mark.parametrize(
    "text", ["0:1", "1:0", "0.0:1", "-16:9", "16", "16:9:1", ":", "16:", "wide", "16 : 9", "1e3:1", ""]
)
def test_a_malformed_ratio_is_refused_with_the_accepted_forms(text: str) -> None:
    with pytest.raises(GatewayError) as error:
        parse_ratio(text)
    assert refused(error) == ("invalid_value", "aspect_ratio")
    assert RATIO_FORMS in error.value.message


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("480p", (480, "p")),
        ("768P", (768, "p")),
        ("720 p", (720, "p")),
        ("1K", (1024**2, "")),
        ("0.5k", (512**2, "")),
        ("4K", (4096**2, "")),
        ("1", (1024**2, "")),
        ("0.25", (512**2, "")),
        ("720", (720, "p")),
        ("100", (100, "p")),
        ("99", (99 * 1024**2, "")),
    ],
)
def test_a_resolution_is_a_short_side_or_an_area(text: str, meant: tuple[int, str]) -> None:
    amount, unit = parse_tier(text)
    assert (amount, unit) == (Fraction(meant[0]), meant[1])


@pytest.mark.parametrize("text", ["0p", "0K", "0", "720.5p", "-720p", "HD", "1M", "p", "", "1280x720", "NaN"])
def test_a_malformed_resolution_is_refused_with_the_accepted_forms(text: str) -> None:
    with pytest.raises(GatewayError) as error:
        parse_tier(text)
    assert refused(error) == ("invalid_value", "resolution")
    assert RESOLUTION_FORMS in error.value.message


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("6", 6),
        ("6s", 6),
        ("6 S", 6),
        ("6.5", Fraction(13, 2)),
        ("06", 6),
        ("1000000000", 10**9),
        ("0.1", Fraction(1, 10)),
    ],
)
def test_seconds_are_a_positive_number(text: str, meant: Fraction) -> None:
    assert parse_seconds(text, "seconds") == meant


@pytest.mark.parametrize("text", ["0", "0.0", "0s", "-1", "nan", "inf", "soon", "6 seconds", "s", "", "6,5", "٦"])
def test_malformed_seconds_are_refused_under_the_name_they_came_by(text: str) -> None:
    with pytest.raises(GatewayError) as error:
        parse_seconds(text, "duration")
    assert refused(error) == ("invalid_value", "duration")
    assert SECONDS_FORMS in error.value.message


@pytest.mark.parametrize("parse", [parse_ratio, parse_tier])
def test_a_message_repeats_no_more_than_a_hundred_characters(parse: object) -> None:
    assert callable(parse)
    with pytest.raises(GatewayError) as error:
        parse("x" * 5000)
    assert "x" * 100 in error.value.message
    assert "x" * 101 not in error.value.message


@pytest.mark.parametrize(
    ("tier", "ratio", "frame"),
    [
        ("480p", "16:9", (854, 480)),
        ("480p", "9:16", (480, 854)),
        ("480p", "3:2", (720, 480)),
        ("720p", "16:9", (1280, 720)),
        ("720p", "4:3", (960, 720)),
        ("720p", "1:1", (720, 720)),
        ("1080p", "2:3", (1080, 1620)),
        ("768P", "16:9", (1366, 768)),
        ("1p", "1000:1", (1000, 1)),
        ("1K", "1:1000000", (1, 1024000)),
        ("1K", "1000000000:1", (10**9, 1)),
        ("1K", "1:10000000000000", (1, 3238172324)),
    ],
)
def test_a_tier_at_a_ratio_is_a_frame(tier: str, ratio: str, frame: tuple[int, int]) -> None:
    assert frame_size(tier, parse_ratio(ratio)) == frame


@pytest.mark.parametrize(
    ("ratio", "size"),
    [
        ("21:9", "1563x670"),
        ("16:9", "1365x768"),
        ("3:2", "1254x836"),
        ("4:3", "1183x887"),
        ("1:1", "1024x1024"),
        ("3:4", "887x1182"),
        ("2:3", "836x1254"),
        ("9:16", "768x1365"),
    ],
)
def test_one_k_gives_the_sizes_that_lumenfall_advertises(ratio: str, size: str) -> None:
    width, height = frame_size("1K", parse_ratio(ratio))
    assert f"{width}x{height}" == size


@pytest.mark.parametrize(
    ("value", "up", "down"),
    [("1.5", 2, 1), ("2.5", 3, 2), ("1.49", 1, 1), ("1.51", 2, 2), ("7", 7, 7), ("0.5", 1, 0), ("0.4", 0, 0)],
)
def test_halves_go_up_for_frames_and_down_for_what_costs(value: str, up: int, down: int) -> None:
    assert (half_up(Fraction(value)), half_down(Fraction(value))) == (up, down)
