"""A create request: every field but the media, in JSON's types and in multipart's strings."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.catalogue import Mode
from app.domain.errors import GatewayError
from app.domain.requests import (
    FILE_FIELDS,
    N_LIMIT,
    PROMPT_LIMIT,
    RESERVED_METADATA,
    SCALAR_FIELDS,
    Upload,
    VideoRequest,
    parse,
)
from app.domain.sizing import Asked
from tests.domain.specs import refused

PHOTO = Upload(Path("part-0"), "ab" * 32, 10, "photo.png")


def created(**fields: object) -> VideoRequest:
    return parse({"prompt": "a fox", **fields})


def refusal(**fields: object) -> tuple[str, str | None, str]:
    with pytest.raises(GatewayError) as error:
        created(**fields)
    return *refused(error), error.value.message


def test_a_prompt_alone_is_a_request() -> None:
    assert parse({"prompt": "a fox"}) == VideoRequest(Mode.TEXT, "a fox", None, Asked(seconds_param="duration"), n=1)


def test_every_field_is_read() -> None:
    found = parse(
        {
            "prompt": " a fox ",
            "model": "fal/grok-imagine-video",
            "seconds": 6,
            "size": "1280x720",
            "aspect_ratio": "16:9",
            "resolution": "720p",
            "n": 2,
            "webhook_url": "https://a.example/hook",
            "idempotency_key": "k",
            "metadata": {"a": "b"},
            "user": "u",
            "strict": True,
            "style": "film",
        }
    )
    assert found == VideoRequest(
        Mode.TEXT,
        " a fox ",
        "fal/grok-imagine-video",
        Asked("1280x720", "16:9", "720p", "6"),
        2,
        webhook_url="https://a.example/hook",
        idempotency_key="k",
        metadata={"a": "b"},
        user="u",
        strict=True,
        extra={"style": "film"},
    )


@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_field_is_no_field(empty: object) -> None:
    names = (SCALAR_FIELDS | FILE_FIELDS | {"metadata", "characters"}) - {"prompt", "name", "purpose", "file"}
    assert parse({"prompt": "a", **dict.fromkeys(names, empty)}) == parse({"prompt": "a"})


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        (None, "missing_required_parameter"),
        ("", "missing_required_parameter"),
        (" \n", "invalid_value"),
        (5, "invalid_value"),
        (["a"], "invalid_value"),
        ("x" * (PROMPT_LIMIT + 1), "invalid_value"),
    ],
)
def test_a_prompt_is_text_that_says_something(prompt: object, code: str) -> None:
    with pytest.raises(GatewayError) as error:
        parse({"prompt": prompt})
    assert refused(error) == (code, "prompt")


def test_a_missing_prompt_is_refused_and_the_longest_is_taken() -> None:
    with pytest.raises(GatewayError) as error:
        parse({})
    assert refused(error) == ("missing_required_parameter", "prompt")
    assert parse({"prompt": "x" * PROMPT_LIMIT}).prompt == "x" * 32_000


@pytest.mark.parametrize(
    ("value", "number"), [(1, 1), (10, 10), ("3", 3), (" 3 ", 3), (2.0, 2), ("2.0", 2), ("010", 10), (None, 1), ("", 1)]
)
def test_n_is_a_whole_number_from_one_to_ten(value: object, number: int) -> None:
    assert created(n=value).n == number


@pytest.mark.parametrize(
    "value",
    [
        0,
        11,
        -1,
        1.5,
        "0",
        "11",
        "1.5",
        "two",
        "-1",
        "0000000000011",
        "٣",
        True,
        [1],
        {},
        float("inf"),
        1e300,
        float("nan"),
    ],
)
def test_any_other_n_is_refused(value: object) -> None:
    code, param, message = refusal(n=value)
    assert (code, param) == ("invalid_value", "n")
    assert f"from 1 to {N_LIMIT}" in message
    assert len(message) < 120


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        (True, True),
        (False, False),
        ("true", True),
        ("FALSE", False),
        ("1", True),
        ("0", False),
        (None, False),
        ("", False),
    ],
)
def test_strict_is_true_or_false(value: object, flag: object) -> None:
    assert created(strict=value).strict is flag


@pytest.mark.parametrize("value", ["yes", 1, 0, [], {}, "x" * 500])
def test_any_other_strict_is_refused(value: object) -> None:
    code, param, message = refusal(strict=value)
    assert (code, param) == ("invalid_value", "strict")
    assert len(message) < 120


@pytest.mark.parametrize("param", ["size", "aspect_ratio", "resolution", "seconds", "duration"])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("6", "6"),
        (6, "6"),
        (6.5, "6.5"),
        (10.0, "10"),
        (0.25, "0.25"),
        (100, "100"),
        (1e9, "1000000000"),
        (-1, "-1"),
        (0, "0"),
    ],
)
def test_measures_are_kept_as_text_whatever_their_type(param: str, value: object, text: str) -> None:
    asked = created(**{param: value}).asked
    assert getattr(asked, "seconds" if param == "duration" else param) == text
    assert asked.seconds_param == ("seconds" if param == "seconds" else "duration")


@pytest.mark.parametrize("param", ["size", "aspect_ratio", "resolution", "seconds", "duration"])
@pytest.mark.parametrize(
    ("value", "kind"), [(True, "a boolean"), ([6], "an array"), ({"a": 1}, "an object"), (PHOTO, "a file")]
)
def test_measures_of_another_type_are_refused(param: str, value: object, kind: str) -> None:
    code, named, message = refusal(**{param: value})
    assert (code, named) == ("invalid_value", param)
    assert message.endswith(f"got {kind}.")


@pytest.mark.parametrize(
    ("seconds", "duration", "asked"),
    [
        (6, None, Asked(seconds="6")),
        (None, "8s", Asked(seconds="8s", seconds_param="duration")),
        (6, 8, Asked(seconds="6", duration="8")),
        ("", "8", Asked(seconds="8", seconds_param="duration")),
        ("auto", "8", Asked(seconds="8", seconds_param="duration")),
        ("auto", None, Asked(seconds_param="duration")),
    ],
)
def test_seconds_beat_duration_where_they_say_something(seconds: object, duration: object, asked: Asked) -> None:
    assert created(seconds=seconds, duration=duration).asked == asked


TEXTS = {"model": 256, "webhook_url": 2048, "idempotency_key": 256, "user": 512}


@pytest.mark.parametrize(("param", "limit"), TEXTS.items())
def test_text_fields_have_their_limits(param: str, limit: int) -> None:
    assert getattr(created(**{param: "x" * limit}), param) == "x" * limit
    code, named, message = refusal(**{param: "x" * (limit + 1)})
    assert (code, named) == ("invalid_value", param)
    assert f"at most {limit}" in message


@pytest.mark.parametrize("param", TEXTS)
@pytest.mark.parametrize(
    ("value", "kind"), [(5, "a number"), (5.5, "a number"), (True, "a boolean"), ([], "an array"), ({}, "an object")]
)
def test_text_fields_of_another_type_are_refused(param: str, value: object, kind: str) -> None:
    assert refusal(**{param: value}) == ("invalid_value", param, f"Invalid {param}: expected a string, got {kind}.")


def test_metadata_values_become_text() -> None:
    assert created(metadata={"a": "b", "c": 1, "d": 1.5, "e": True, "": "x"}).metadata == {
        "a": "b",
        "c": "1",
        "d": "1.5",
        "e": "true",
        "": "x",
    }


@pytest.mark.parametrize(
    ("value", "param"),
    [
        ("text", "metadata"),
        ([], "metadata"),
        (5, "metadata"),
        ({str(n): "x" for n in range(17)}, "metadata"),
        ({"k" * 65: "x"}, "metadata"),
        ({"a": "x" * 513}, "metadata.a"),
        ({"a": None}, "metadata.a"),
        ({"a": []}, "metadata.a"),
        ({"a": {}}, "metadata.a"),
        *(({name: "x"}, f"metadata.{name}") for name in sorted(RESERVED_METADATA)),
    ],
)
def test_metadata_outside_openais_limits_is_refused(value: object, param: str) -> None:
    assert refusal(metadata=value)[:2] == ("invalid_value", param)


def test_metadata_at_openais_limits_is_taken() -> None:
    pairs = {f"{n:064}": "x" * 512 for n in range(16)}
    assert created(metadata=pairs).metadata == pairs


def test_unknown_fields_are_passed_on_with_their_types() -> None:
    extra = {
        "guidance": 1.5,
        "flags": [True, None],
        "nested": {"a": {"b": 1}},
        "name": "n",
        "purpose": "p",
        "file": "f",
    }
    assert created(**extra).extra == extra


@pytest.mark.parametrize("value", [PHOTO, [PHOTO], {"a": ["b", {"c": PHOTO}]}])
def test_a_file_under_a_name_that_takes_none_is_refused(value: object) -> None:
    code, param, message = refusal(file=value)
    assert (code, param) == ("invalid_value", "file")
    assert "input_reference" in message
