"""The catalogue: reading it, what overrides what, and what it says to mistakes."""

from __future__ import annotations

import tomllib

import pytest

from app.domain.catalogue import FreeSize, Mode, ModeSpec, SecondsRange, parse
from app.domain.errors import GatewayError
from tests.domain.specs import CATALOGUE, V1, V15, refused

BASE = """
[aliases]
short = "film"

[models.film]
name = "Film"
owner = "studio"
created = 2026-01-28
description = "A model."
prompt_limit = 100

[models.film.modes.text-to-video]
ratios = ["16:9", "1:1"]
default_ratio = "16:9"
resolutions = ["480p", "720p"]
default_resolution = "720p"
seconds = { min = 1, max = 15, default = 6 }

[models.film.modes.edit]
video = { max_seconds = 8 }

[models.film.offerings.fal]
price = { second = { "480p" = 0.05, "720p" = 0.07 }, image = 0.01 }

[models.film.offerings.fal.modes]
text-to-video = { endpoint = "film/text" }
"""


def with_line(after: str, line: str) -> str:
    """Put a line behind another one of BASE."""
    assert after in BASE
    return BASE.replace(after, f"{after}\n{line}")


def test_a_model_says_what_its_table_says() -> None:
    model = parse(BASE).models["film"]
    assert (model.id, model.name, model.owner, model.prompt_limit) == ("film", "Film", "studio", 100)
    assert model.created == 1_769_558_400  # 2026-01-28 00:00 UTC
    assert list(model.modes) == [Mode.TEXT, Mode.EDIT]
    assert model.modes[Mode.TEXT].ratios == ("16:9", "1:1")
    assert model.modes[Mode.TEXT].images.max == 0


def test_created_may_be_unix_seconds() -> None:
    assert parse(BASE.replace("2026-01-28", "5")).models["film"].created == 5


def test_the_local_provider_offers_every_mode_and_the_others_what_they_list() -> None:
    model = parse(BASE).models["film"]
    assert model.offerings["local"].modes == model.modes
    assert model.offerings["local"].provider == "local"
    assert list(model.offerings["fal"].modes) == [Mode.TEXT]
    assert (model.offerings["fal"].provider, model.offerings["fal"].model) == ("fal", "film")


def test_an_offering_has_the_models_limits_and_its_own_endpoint_and_price() -> None:
    spec = parse(BASE).models["film"].offerings["fal"].modes[Mode.TEXT]
    own = parse(BASE).models["film"].modes[Mode.TEXT]
    assert spec.endpoint == "film/text"
    assert spec.price
    assert (spec.price.second, spec.price.image) == ({"480p": 0.05, "720p": 0.07}, 0.01)
    assert spec == own.model_copy(update={"endpoint": spec.endpoint, "price": spec.price})


def test_an_offering_replaces_what_differs_and_merges_its_prices() -> None:
    own = """text-to-video = { endpoint = "film/short", resolutions = ["480p"], default_resolution = "480p", \
seconds = { min = 2, max = 4, default = 3 }, price.image = 0.5 }"""
    text = BASE.replace('text-to-video = { endpoint = "film/text" }', own)
    spec = parse(text).models["film"].offerings["fal"].modes[Mode.TEXT]
    assert (spec.resolutions, spec.ratios) == (("480p",), ("16:9", "1:1"))
    assert spec.seconds == SecondsRange(min=2, max=4, default=3)
    assert spec.price
    assert (spec.price.second, spec.price.image) == ({"480p": 0.05, "720p": 0.07}, 0.5)
    assert parse(text).models["film"].modes[Mode.TEXT].resolutions == ("480p", "720p")


def test_an_offering_without_prices_has_no_price() -> None:
    text = BASE.replace('price = { second = { "480p" = 0.05, "720p" = 0.07 }, image = 0.01 }', "")
    assert parse(text).models["film"].offerings["fal"].modes[Mode.TEXT].price is None


def test_an_offering_may_take_a_choice_away() -> None:
    text = BASE.replace('"film/text"', '"film/text", resolutions = [], ratios = [], default_ratio = "auto"')
    spec = parse(text).models["film"].offerings["fal"].modes[Mode.TEXT]
    assert (spec.ratios, spec.resolutions) == ((), ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models = 5", "models: Input should be a valid dictionary"),
        (BASE + "[extra]", "extra: unknown key"),
        (with_line('owner = "studio"', 'colour = "red"'), "models.film.colour: unknown key"),
        (with_line('owner = "studio"', 'id = "other"'), "models.film.id: unknown key"),
        (BASE.replace('owner = "studio"', ""), "models.film.owner: Field required"),
        (with_line('default_ratio = "16:9"', "ratio = []"), "models.film.modes.text-to-video.ratio: unknown key"),
        (
            BASE.replace("min = 1,", "min = 1, step = 2,"),
            "models.film.modes.text-to-video.seconds.step: unknown key",
        ),
        (with_line("[models.film.offerings.fal]", "url = 1"), "models.film.offerings.fal.url: unknown key"),
        (
            BASE.replace('endpoint = "film/text"', 'end = "film/text"'),
            "models.film.offerings.fal.modes.text-to-video.end: unknown key",
        ),
        (
            BASE.replace('{ endpoint = "film/text" }', "{ price = 5 }"),
            "models.film.offerings.fal.modes.text-to-video.price: Input should be a valid dictionary",
        ),
        (
            BASE.replace("image = 0.01", "picture = 0.01"),
            "models.film.offerings.fal.price.picture: unknown key",
        ),
        (BASE.replace("modes.edit]", "modes.fly]"), "Input should be 'text-to-video', 'image-to-video'"),
        (
            BASE + 'extend = { endpoint = "e" }',
            "models.film.offerings.fal.modes.extend: the model has no such mode",
        ),
        (
            BASE + "[models.film.offerings.local]\nmodes = {}",
            "models.film.offerings.local: the local provider offers every mode by itself",
        ),
        (
            BASE.replace('short = "film"', 'short = "flim"'),
            "aliases.short: there is no model 'flim'; did you mean 'film'?",
        ),
        (BASE.replace('short = "film"', 'short = "wholly-else"'), "aliases.short: there is no model 'wholly-else'"),
        (with_line('short = "film"', 'shorter = "short"'), "aliases.shorter: there is no model 'short'"),
        (BASE.replace('short = "film"', 'film = "film"'), "aliases.film: there is a model of this name"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        parse(text)
    assert message in str(error.value)


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"models\.film\.owner: Field required; .*models\.film\.colour: unknown key"):
        parse(BASE.replace('owner = "studio"', 'colour = "red"'))


def test_text_that_is_no_toml_is_a_value_error() -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        parse("models =")


SECONDS = {"min": 1, "max": 15, "default": 6}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ratios": ["wide"]}, "Invalid ratio 'wide'"),
        ({"ratios": ["16x9"]}, "Invalid ratio '16x9'"),
        ({"resolutions": ["HD"]}, "Invalid resolution 'HD'"),
        ({"ratios": ["auto"]}, "auto is a default"),
        ({"resolutions": ["480p", "auto"]}, "auto is a default"),
        ({"ratios": ["16:9", "32:18"]}, "mean the same"),
        ({"resolutions": ["1K", "1"]}, "mean the same"),
        ({"ratios": ["16:9"], "default_ratio": "1:1"}, "default_ratio '1:1' is not among ratios"),
        ({"default_ratio": "1:1"}, "default_ratio '1:1' is not among ratios"),
        ({"ratios": ["16:9"], "default_ratio": "wide"}, "Invalid default_ratio 'wide'"),
        ({"resolutions": ["480p"], "default_resolution": "720p"}, "default_resolution '720p' is not among"),
        ({"default_resolution": "HD"}, "Invalid resolution 'HD'"),
        ({"seconds": {**SECONDS, "min": 0}}, "greater than 0"),
        ({"seconds": {**SECONDS, "default": 16}}, "min 1, default 16, max 15 are not in order"),
        ({"seconds": {**SECONDS, "min": 7}}, "min 7, default 6, max 15 are not in order"),
        ({"seconds": {"values": [], "default": 4}}, "seconds.min"),
        ({"seconds": {"values": 4, "default": 4}}, "valid tuple"),
        ({"seconds": {"values": [4, 0], "default": 4}}, "greater than 0"),
        ({"seconds": {"values": [4, 6], "default": 5}}, "default 5 is not among values"),
        ({"seconds": {"values": [6, 4], "default": 5}}, "min 6, default 5, max 4 are not in order"),
        ({"seconds": {"values": [4, 8, 6], "default": 4}}, "values must rise, from min to max"),
        ({"seconds": {"values": [4, 6], "min": 1, "default": 4}}, "values must rise, from min to max"),
        ({"seconds": 5}, "valid dictionary"),
        ({"images": {"max": -1}}, "greater than or equal to 0"),
        ({"price": {"second": {"480p": -0.1}}}, "greater than or equal to 0"),
        ({"price": {"image": -0.1}}, "greater than or equal to 0"),
    ],
)
def test_a_mode_that_contradicts_itself_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        ModeSpec.model_validate(fields)
    assert message in str(error.value)


FREE = {"min_side": 250, "max_side": 1000, "max_pixels": 500_000, "multiple": 16}


def test_the_limits_of_a_free_size_are_counted_in_whole_steps_inside_them() -> None:
    assert FreeSize.model_validate(FREE).steps == (16, 62, 1953)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"free_size": {**FREE, "multiple": 0}}, "greater than 0"),
        ({"free_size": {**FREE, "max_side": 200}}, "no frame is within these limits"),
        ({"free_size": {**FREE, "max_side": 255}}, "no frame is within these limits"),
        ({"free_size": {**FREE, "max_pixels": 62_500}}, "no frame is within these limits"),
        ({"free_size": FREE, "default_resolution": "auto"}, "free_size needs a default_resolution"),
        ({"free_size": FREE, "ratios": ["1:1"]}, "neither ratios nor resolutions"),
        ({"free_size": FREE, "resolutions": ["720p"]}, "neither ratios nor resolutions"),
        ({"free_size": FREE, "default_ratio": "wide"}, "Invalid default_ratio 'wide'"),
    ],
)
def test_a_free_size_that_no_frame_can_meet_is_refused(fields: dict[str, object], message: str) -> None:
    assert ModeSpec.model_validate({"default_resolution": "720p", "free_size": FREE})
    with pytest.raises(ValueError, match=r".") as error:
        ModeSpec.model_validate({"default_resolution": "720p", **fields})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("asked", "model", "pinned"),
    [
        (V1, V1, None),
        ("sora-2", V1, None),
        ("sora-2-pro", V15, None),
        (f"fal/{V1}", V1, "fal"),
        (f"local/{V15}", V15, "local"),
        ("xai/sora-2", V1, "xai"),
    ],
)
def test_a_model_is_found_by_id_alias_and_provider(asked: str, model: str, pinned: str | None) -> None:
    found, provider = CATALOGUE.find(asked)
    assert (found.id, provider) == (model, pinned)


def test_a_name_with_a_slash_may_be_a_name() -> None:
    text = BASE.replace('short = "film"', '"fal/short" = "film"').replace("models.film", 'models."fal/film"')
    text = text.replace('= "film"\n', '= "fal/film"\n')
    for name in ("fal/film", "fal/short"):
        found, provider = parse(text).find(name)
        assert (found.id, provider) == ("fal/film", None)


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("grok-imagine-vide", f"Did you mean '{V1}'"),
        ("Grok-Imagine-Video-1.5", f"'{V15}'"),
        ("sora2", "'sora-2'"),
        ("fal/grok-imagine-vidoe", f"'{V1}'"),
        ("nobody/grok-imagine-video", f"'{V1}'"),
        ("zzz", f"Known models: {', '.join(CATALOGUE.models)}."),
        ("", "Known models: "),
        ("fal/", "Known models: "),
    ],
)
def test_an_unknown_model_is_refused_with_the_nearest_names(asked: str, hint: str) -> None:
    with pytest.raises(GatewayError) as error:
        CATALOGUE.find(asked)
    assert refused(error) == ("model_not_found", "model")
    assert repr(asked) in error.value.message
    assert hint in error.value.message


def test_a_message_repeats_no_more_than_two_hundred_characters_of_a_name() -> None:
    with pytest.raises(GatewayError) as error:
        CATALOGUE.find("x" * 5000)
    assert "x" * 201 not in error.value.message


def test_models_are_found_by_what_the_configured_providers_offer() -> None:
    assert CATALOGUE.models_with(Mode.EDIT, ("fal",)) == [V1]
    assert CATALOGUE.models_with(Mode.EDIT, ("aimlapi",)) == []
    assert CATALOGUE.models_with(Mode.REFERENCE, ("aimlapi",)) == [V1, "veo-3.1", "seedance-2.0"]
    assert CATALOGUE.models_with(Mode.TEXT, ("nobody", "local")) == list(CATALOGUE.models)
    assert CATALOGUE.models_with(Mode.TEXT, ()) == []
