"""A field that is nearly one of ours is told as probably misspelt; what providers have themselves is not."""

from __future__ import annotations

import difflib
from typing import Any

import pytest

from app.domain.errors import GatewayError
from app.domain.misspelt import misspelt, refuse
from app.domain.requests import KNOWN, parse
from tests.upstreams import aimlapi_models, fal_models, xai_fields


def meant(name: str) -> str | None:
    """Say which field is suggested for a name."""
    found = misspelt({name: "x"})
    return found[0].message.rpartition("did you mean ")[2].rstrip("?") if found else None


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("sizes", "size"),
        ("Size", "size"),
        ("sze", "size"),
        ("aspectRatio", "aspect_ratio"),
        ("aspect-ratio", "aspect_ratio"),
        ("second", "seconds"),
        ("duratoin", "duration"),
        ("promt", "prompt"),
        ("modle", "model"),
        ("reslution", "resolution"),
        ("reference_image", "reference_images"),
        ("image_ulr", "image_url"),
        ("input_refrence", "input_reference"),
        ("webhookUrl", "webhook_url"),
        ("metdata", "metadata"),
        ("idempotencyKey", "idempotency_key"),
        ("stict", "strict"),
        ("N", "n"),
        ("aspect", "aspect_ratio"),
        ("webhook", "webhook_url"),
        ("meta", "metadata"),
        ("Char", "characters"),
    ],
)
def test_a_name_with_a_slip_is_told_with_the_one_that_was_meant(name: str, field: str) -> None:
    assert meant(name) == field


def test_no_field_that_a_provider_has_is_taken_for_a_slip() -> None:
    fal = {name for endpoint in fal_models.ENDPOINTS.values() for name in endpoint.fields}
    aimlapi = {name for model in aimlapi_models.MODELS for name in model.fields}
    xai = {name for shape in xai_fields.SHAPES.values() for name in shape}
    theirs = (fal | aimlapi | xai) - KNOWN
    assert len(theirs) > 25, "the fakes know fewer fields than they did"
    assert {name: meant(name) for name in theirs if meant(name)} == {}


@pytest.mark.parametrize(
    "name",
    [
        *("seed", "negative_prompt", "generate_audio", "mode", "duration_ms", "prompt_2", "start_image_url", "fps"),
        *("x", "asp", "res", "input", "reference", "style", "quality", "background"),
    ],
)
def test_a_name_of_its_own_or_with_a_word_more_is_another_field(name: str) -> None:
    assert meant(name) is None


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the names that are compared with ours."""
    names: list[str] = []
    compare = difflib.get_close_matches

    def noting(name: str, *others: Any, **options: Any) -> list[str]:
        names.append(name)
        return compare(name, *others, **options)

    monkeypatch.setattr(difflib, "get_close_matches", noting)
    return names


def test_nothing_is_compared_where_every_field_is_known(compared: list[str]) -> None:
    assert misspelt(parse({"prompt": "x", "size": "1:1", "n": 2, "metadata": {"sizes": "x"}}).extra) == ()
    assert compared == []


def test_a_name_is_compared_once(compared: list[str]) -> None:
    assert [len(misspelt({"seeed_of_this_test": 1})) for _request in range(3)] == [0, 0, 0]
    assert compared == ["seeed_of_this_test"]


@pytest.mark.parametrize(
    ("value", "requested"),
    [
        ("1x1", "1x1"),
        (4, "4"),
        (True, "true"),
        (None, "null"),
        (["a"], "[…]"),
        ({"a": 1}, "{…}"),
        ("x" * 999, "x" * 100),
    ],
    ids=repr,
)
def test_the_value_is_told_in_short(value: object, requested: str) -> None:
    (warning,) = misspelt({"sizes": value})
    assert (warning.param, warning.code, warning.requested, warning.used) == ("sizes", "unknown", requested, None)
    assert warning.message == "sizes is no field of this gateway and goes to the provider as it is; did you mean size?"


def test_a_body_of_very_many_or_very_long_fields_is_not_compared_to_its_end(compared: list[str]) -> None:
    many = {f"other-{number}": 1 for number in range(100_000)}
    assert misspelt({"size" * 100_000: 1} | many | {"sizes": 1}) == ()
    assert 0 < len(compared) < 50
    assert max(map(len, compared)) < 50


def test_a_refusal_names_the_field_and_what_was_meant() -> None:
    refuse(())
    with pytest.raises(GatewayError, match=r"sizes is no field .* did you mean size\? strict is true") as refused:
        refuse(misspelt({"seed": 1, "sizes": "1x1", "promt": "y"}))
    assert (refused.value.code, refused.value.param) == ("unsupported_value", "sizes")
