"""The description of each request parameter that `/models/{id}?schema=true` gives."""

from __future__ import annotations

import pytest

from app.domain.catalogue import Mode, Model, ModeSpec
from app.domain.parameters import Parameter, parameters
from app.domain.requests import parse
from tests.domain.specs import CATALOGUE, LITE, SEVEN, V1, V15, free, made

T, I, R, E, X = Mode  # noqa: E741 - the five modes, in their order


def described(model: Model) -> dict[str, Parameter]:
    return {each.name: each for each in parameters(model)}


def model_with(**modes: ModeSpec) -> Model:
    named = {Mode[name]: spec for name, spec in modes.items()}
    return Model(id="m", name="M", owner="o", created=0, description="", prompt_limit=9, modes=named)


@pytest.mark.parametrize(
    ("name", "type_", "handling", "modes", "default", "values"),
    [
        ("prompt", "string", "renamed", (T, I, R, E, X), None, ()),
        ("size", "string", "converted", (T, I, R, E, X), "auto", ()),
        ("aspect_ratio", "string", "converted", (T, I, R), "auto", SEVEN),
        ("resolution", "string", "converted", (T, I, R, E, X), "auto", ("480p", "720p")),
        ("seconds", "number", "converted", (T, I, R, X), 6, ()),
        ("n", "integer", "emulated", (T, I, R, E, X), 1, ()),
        ("input_reference", "image", "renamed", (I, R), None, ()),
        ("reference_images", "image[]", "renamed", (R,), None, ()),
        ("input_video", "video", "renamed", (E, X), None, ()),
        ("characters", "object[]", "emulated", (R,), None, ()),
        ("strict", "boolean", "emulated", (T, I, R, E, X), "false", ()),
        ("anything else", "any", "passthrough", (T, I, R, E, X), None, ()),
    ],
)
def test_every_parameter_of_grok_is_described(
    name: str, type_: str, handling: str, modes: tuple[Mode, ...], default: object, values: tuple[str, ...]
) -> None:
    found = described(CATALOGUE.models[V1])[name]
    assert (found.type, found.handling, found.modes) == (type_, handling, modes)
    assert (found.default, found.values, found.required) == (default, values, name == "prompt")


def test_the_numbers_in_the_descriptions_are_the_models() -> None:
    found = described(CATALOGUE.models[V1])
    assert found["prompt"].description == "At most 4096 characters."
    assert found["seconds"].description == "Whole seconds from 1 to 15; alias duration."
    assert found["n"].description == "Parallel jobs, 1 to 10."
    assert described(CATALOGUE.models[V15])["resolution"].values == ("480p", "720p", "1080p")
    assert described(CATALOGUE.models[V15])["aspect_ratio"].modes == (T, R)


def test_listed_seconds_are_values() -> None:
    assert described(CATALOGUE.models["veo-3.1"])["seconds"].values == ("4", "6", "7", "8")
    assert described(CATALOGUE.models["kling-v3-pro"])["seconds"].values == ()


def test_a_parameter_that_works_in_no_mode_is_not_available() -> None:
    lite = described(CATALOGUE.models[LITE])
    for name in ("reference_images", "input_video", "characters"):
        assert (lite[name].handling, lite[name].modes) == ("not available", ())
    assert lite["input_reference"].modes == (I,)
    still = described(model_with(EDIT=ModeSpec()))
    for name in ("size", "aspect_ratio", "resolution", "seconds", "input_reference"):
        assert (still[name].handling, still[name].modes, still[name].default) == ("not available", (), None)


def test_one_measure_is_enough_for_a_size() -> None:
    found = described(model_with(TEXT=made(resolutions=()), IMAGE=made(ratios=()), REFERENCE=free(), EDIT=ModeSpec()))
    assert found["size"].modes == (T, I, R)
    assert found["aspect_ratio"].modes == (T, R)
    assert found["resolution"].modes == (I, R)


def test_every_described_parameter_is_one_that_requests_know() -> None:
    for model in CATALOGUE.models.values():
        names = [name for name in described(model) if name not in ("prompt", "anything else")]
        assert parse({"prompt": "a", **dict.fromkeys(names)}).extra == {}
