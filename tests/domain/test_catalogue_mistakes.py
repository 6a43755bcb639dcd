"""What would fail only when somebody asks, or pays, is refused when the catalogue is read: by its line and its key."""

from __future__ import annotations

import pytest

from app.domain.catalogue import Mode, ModeSpec, SecondsRange, VideoLimits, Wire, load
from tests.domain.specs import mistake

FILM = """
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
seconds = { min = 1, max = 9, default = 5 }

[models.film.modes.image-to-video]
images = { max = 1 }

[models.film.modes.edit]
video = { max_seconds = 8 }

[models.film.offerings.fal]
wire = { resolution_values = { "480p" = "SD" } }
price.second = { "480p" = 0.1, "720p" = 0.2 }

[models.film.offerings.fal.modes]
text-to-video = { endpoint = "studio/film" }
image-to-video = { endpoint = "studio/film/image" }
edit = { endpoint = "studio/film/edit" }
"""
TEXT = "models.film.offerings.fal.modes.text-to-video"


def test_the_catalogue_of_these_tests_has_no_mistake() -> None:
    assert list(load(FILM).models["film"].offerings["fal"].modes) == [Mode.TEXT, Mode.IMAGE, Mode.EDIT]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('{ endpoint = "studio/film" }', "{}", f"line 27: {TEXT}.endpoint: missing"),
        ('"studio/film"', '"https://fal.run/studio/film"', f"line 27: {TEXT}.endpoint: 'https://fal.run/studio/film'"),
        ('"studio/film"', '"film"', f"line 27: {TEXT}.endpoint: 'film' is not a name at fal"),
        ('"studio/film"', '"studio/../film"', f"line 27: {TEXT}.endpoint: 'studio/../film' is not a name at fal"),
        (
            '"studio/film"',
            '"studio/film", wire.tag = "@{name}"',
            f"line 27: {TEXT}.wire.tag: Value error, a tag has {{n}}",
        ),
        ("= 0.2 }", "= inf }", "line 24: models.film.offerings.fal.price.second.720p: Input should be a finite number"),
        ("= 0.2 }", "= nan }", "line 24: models.film.offerings.fal.price.second.720p: Input should be a finite number"),
        ("= 0.2 }", "= 1e300 }", "line 24: models.film.offerings.fal.price.second.720p: Input should be less than"),
        (
            '"720p" = 0.2',
            '"720P" = 0.2',
            "line 24: models.film.offerings.fal.price.second.720P: no mode has this resolution; did you mean '720p'?",
        ),
        (', "720p" = 0.2', "", "line 24: models.film.offerings.fal.price.second: 720p has no price"),
        (
            '"480p" = "SD"',
            '"480" = "SD"',
            "line 23: models.film.offerings.fal.wire.resolution_values.480: no mode has this resolution; did you",
        ),
        ("images = { max = 1 }", "", "line 16: models.film.modes.image-to-video.images: image-to-video takes images"),
        ("{ max = 1 }", "{ max = 0 }", "line 17: models.film.modes.image-to-video.images: image-to-video takes images"),
        ("video = { max_seconds = 8 }", "", "line 19: models.film.modes.edit.video: edit takes a video"),
        (
            "max_seconds = 8",
            "max_seconds = inf",
            "line 20: models.film.modes.edit.video.max_seconds: Input should be a",
        ),
        (
            "max_seconds = 8",
            "max_seconds = 8, min_seconds = 9",
            "line 20: models.film.modes.edit.video: Value error, no video is within these limits",
        ),
        (
            '"studio/film"',
            '"studio/film", wire.seconds = "prompt"',
            f"line 27: {TEXT}.wire.seconds: two things would be",
        ),
        (
            'film/image"',
            'film/image", wire.fixed = { image_url = "x" }',
            "line 28: models.film.offerings.fal.modes.image-to-video.wire.image: two things would be sent as 'image",
        ),
        (
            'film/edit"',
            'film/edit", wire.video = "prompt"',
            "line 29: models.film.offerings.fal.modes.edit.wire.video: two things would be sent as 'prompt'",
        ),
        (
            '"studio/film"',
            '"studio/film", wire.prompt = ""',
            f"line 27: {TEXT}.wire.prompt: String should have at least",
        ),
        (
            '"studio/film"',
            '"studio/film", wire.fixed = { a = inf }',
            f"line 27: {TEXT}.wire.fixed.a.float: Input should",
        ),
        (
            '"studio/film"',
            '"studio/film", wire.seconds = ""',
            f"line 27: {TEXT}.wire.seconds: it can be chosen in this",
        ),
        ('"studio/film"', '"studio/film", wire.ratio = ""', f"line 27: {TEXT}.wire.ratio: it can be chosen in this"),
        (
            '"studio/film"',
            '"studio/film", wire.resolution = ""',
            f"line 27: {TEXT}.wire.resolution: it can be chosen in",
        ),
        ("max = 9", "max = 3601", "line 14: models.film.modes.text-to-video.seconds.max: Input should be less than"),
        ("= 100", "= 0", "line 7: models.film.prompt_limit: Input should be greater than 0"),
    ],
)
def test_it_is_refused_with_its_line(old: str, new: str, said: str) -> None:
    assert old in FILM
    assert said in mistake(FILM.replace(old, new, 1))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('max_resolution = "HD"', "line 2: local.max_resolution: Value error, Invalid resolution 'HD'"),
        ('ratio = "wide"', "line 2: local.ratio: Value error, Invalid aspect_ratio 'wide'"),
        ("seconds = 0", "line 2: local.seconds: Input should be greater than 0"),
    ],
)
def test_what_the_local_provider_cannot_do_is_refused(line: str, said: str) -> None:
    assert said in mistake(f"[local]\n{line}")


def test_every_mistake_of_an_offering_is_named_once() -> None:
    said = mistake(FILM.replace('"720p" = 0.2', '"721p" = 0.2').replace('"studio/film"', '"film"'))
    assert said.count("price.second.721p") == 1
    assert said.count("720p has no price") == 1
    assert "'film' is not a name at fal" in said


def test_a_resolution_added_to_a_shipped_model_needs_its_price() -> None:
    table = '[models."grok-imagine-video".modes.text-to-video]\nresolutions = ["480p", "720p", "1080p"]'
    assert "models.grok-imagine-video.offerings.fal.price.second: 1080p has no price" in mistake(table)


def test_a_price_may_be_for_what_the_model_chooses_itself() -> None:
    table = '[models."kling-v3-pro".offerings.fal]\nprice.second = { auto = 0.5 }'
    price = load(table).models["kling-v3-pro"].offerings["fal"].modes[Mode.TEXT].price
    assert price
    assert price.per_second("auto") == 0.5


@pytest.mark.parametrize("tag", ["@Image{n}", "<IMAGE_{i}>", "{n}", "{{image {n}}}"])
def test_a_tag_names_its_image(tag: str) -> None:
    assert Wire(tag=tag).tag == tag


@pytest.mark.parametrize(
    "tag", ["@Image", "", "{name}", "{}", "{0}", "{n.real}", "{n:>9}", "{n!r}", "{n} {i}", "{", "}"]
)
def test_a_tag_that_names_none_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="tag"):
        Wire(tag=tag)


def test_a_mode_whose_length_the_provider_chooses_needs_no_field_for_it() -> None:
    assert ModeSpec(seconds=SecondsRange(min=6, max=6, default=6), wire=Wire(seconds=None)).wire.seconds is None
    assert VideoLimits(max_seconds=15, max_total_seconds=15).min_seconds == 0
