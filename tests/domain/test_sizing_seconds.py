"""Seconds: rule 6, and the part of rule 7 that is about them."""

from __future__ import annotations

import pytest

from app.domain.catalogue import Mode, ModeSpec
from app.domain.errors import GatewayError
from app.domain.formats import SECONDS_FORMS
from app.domain.requests import parse
from app.domain.sizing import Asked, normalise
from tests.domain.specs import V1, V15, codes, made, refused, spec_of


@pytest.mark.parametrize(
    ("value", "used"),
    [
        (6, 6),
        ("6", 6),
        ("6s", 6),
        ("6 s", 6),
        (" 6 ", 6),
        (6.0, 6),
        ("6.0", 6),
        (10, 10),
        (1, 1),
        (15, 15),
    ],
)
def test_supported_seconds_are_taken_in_any_spelling(value: object, used: int) -> None:
    found = normalise(parse({"prompt": "a", "seconds": value}).asked, spec_of(V1))
    assert (found.seconds, found.warnings) == (used, ())


@pytest.mark.parametrize(
    ("value", "requested", "used"),
    [
        (6.5, "6.5", 6),
        ("6.5s", "6.5s", 6),
        (6.51, "6.51", 7),
        (7.5, "7.5", 7),
        (0.4, "0.4", 1),
        (0.5, "0.5", 1),
        (15.2, "15.2", 15),
        (16, "16", 15),
        (20, "20", 15),
        (1e9, "1000000000", 15),
        (10**18, "1000000000000000000", 15),
    ],
)
def test_other_seconds_go_to_the_nearest_and_a_tie_to_the_shorter(value: object, requested: str, used: int) -> None:
    found = normalise(parse({"prompt": "a", "seconds": value}).asked, spec_of(V1))
    assert found.seconds == used
    (warning,) = found.warnings
    assert (warning.param, warning.code, warning.requested, warning.used) == (
        "seconds",
        "converted",
        requested,
        str(used),
    )


@pytest.mark.parametrize(
    "value", [0, -1, 0.0, "0", "-1", "-6s", "soon", "6 seconds", float("nan"), float("inf"), "NaN"]
)
@pytest.mark.parametrize("param", ["seconds", "duration"])
@pytest.mark.parametrize("mode", [Mode.TEXT, Mode.EDIT])
def test_malformed_seconds_are_refused_even_where_none_are_taken(value: object, param: str, mode: Mode) -> None:
    asked = parse({"prompt": "a", param: value}).asked
    with pytest.raises(GatewayError) as error:
        normalise(asked, spec_of(V1, mode))
    assert refused(error) == ("invalid_value", param)
    assert SECONDS_FORMS in error.value.message


@pytest.mark.parametrize(
    ("model", "mode", "provider", "asked", "used"),
    [
        (V1, Mode.REFERENCE, "fal", "15", 10),
        (V1, Mode.REFERENCE, "xai", "11", 10),
        (V15, Mode.REFERENCE, "fal", "15", 10),
        (V15, Mode.REFERENCE, "xai", "15", 15),
        (V1, Mode.EXTEND, "fal", "1", 2),
        (V1, Mode.EXTEND, "fal", "12", 10),
    ],
)
def test_seconds_are_clamped_to_the_range_of_the_mode(
    model: str, mode: Mode, provider: str, asked: str, used: int
) -> None:
    found = normalise(Asked(seconds=asked), spec_of(model, mode, provider))
    assert found.seconds == used
    assert codes(found) == ([] if int(asked) == used else [("seconds", "converted")])


@pytest.mark.parametrize(
    ("mode", "used"), [(Mode.TEXT, 6), (Mode.IMAGE, 6), (Mode.REFERENCE, 8), (Mode.EXTEND, 6), (Mode.EDIT, None)]
)
def test_no_seconds_are_the_default_of_the_mode(mode: Mode, used: int | None) -> None:
    for asked in (Asked(), Asked(seconds="auto")):
        found = normalise(asked, spec_of(V1, mode))
        assert (found.seconds, found.warnings) == (used, ())


@pytest.mark.parametrize("param", ["seconds", "duration"])
def test_an_edit_ignores_seconds_with_a_warning(param: str) -> None:
    found = normalise(Asked(seconds="6", seconds_param=param), spec_of(V1, Mode.EDIT))
    assert (found.seconds, codes(found)) == (None, [(param, "ignored")])


def test_seconds_beat_duration_and_say_so_when_they_differ() -> None:
    found = normalise(parse({"prompt": "a", "seconds": 6, "duration": "9s"}).asked, spec_of(V1))
    assert (found.seconds, codes(found)) == (6, [("duration", "ignored")])
    assert found.warnings[0].requested == "9s"
    assert "seconds 6 takes precedence" in found.warnings[0].message
    found = normalise(parse({"prompt": "a", "seconds": 6, "duration": "6s"}).asked, spec_of(V1))
    assert (found.seconds, found.warnings) == (6, ())


def test_a_malformed_duration_is_refused_even_where_seconds_beat_it() -> None:
    with pytest.raises(GatewayError) as error:
        normalise(Asked(seconds="6", duration="soon"), spec_of(V1))
    assert refused(error) == ("invalid_value", "duration")


def test_seconds_under_the_name_of_duration_are_converted_under_that_name() -> None:
    found = normalise(parse({"prompt": "a", "duration": 99}).asked, spec_of(V1))
    assert (found.seconds, codes(found)) == (15, [("duration", "converted")])


def test_seconds_never_leave_a_range_that_starts_late() -> None:
    spec = made(seconds=(4, 5))
    assert [normalise(Asked(seconds=text), spec).seconds for text in ("0.1", "4", "4.5", "5", "5.5")] == [4, 4, 4, 5, 5]


@pytest.mark.parametrize(
    ("asked", "used"),
    [("1", 4), ("4", 4), ("5", 4), ("5.1", 6), ("6s", 6), ("7", 6), ("7.01", 8), ("8", 8), ("99", 8)],
)
def test_seconds_from_a_list_go_to_the_nearest_and_a_tie_to_the_shorter(asked: str, used: int) -> None:
    spec = spec_of("veo-3.1")
    found = normalise(Asked(seconds=asked), spec)
    assert found.seconds == used
    assert codes(found) == ([] if asked.removesuffix("s") == str(used) else [("seconds", "converted")])


def test_strict_names_the_listed_seconds() -> None:
    with pytest.raises(GatewayError, match=r"Nearest: '4'\. Supported: 4, 6, 8 seconds\."):
        normalise(Asked(seconds="5"), spec_of("veo-3.1"), strict=True)


def test_a_tie_in_an_uneven_list_goes_to_the_shorter() -> None:
    spec = ModeSpec.model_validate({"seconds": {"values": [5, 10, 15], "default": 10}})
    assert [normalise(Asked(seconds=text), spec).seconds for text in ("7.5", "7.6", "12.5", "13")] == [5, 10, 10, 15]
    assert normalise(Asked(), spec).seconds == 10
