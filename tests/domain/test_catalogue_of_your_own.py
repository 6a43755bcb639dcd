"""The operator's own catalogue: what it adds and replaces, and what is said to mistakes in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.domain.catalogue import Mode, SecondsRange, builtin, load, parse
from tests.domain.specs import V1, V15, mistake

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
resolutions = ["720p", "1440p"]
default_resolution = "1440p"

[models.film.offerings.fal]
wire = { seconds = "", images = "pictures" }

[models.film.offerings.fal.modes]
text-to-video = { endpoint = "studio/film", wire.images = "stills" }
"""


def test_nothing_of_your_own_changes_nothing() -> None:
    assert load(None) == load("") == builtin()


def test_a_model_is_added_behind_the_others() -> None:
    known = load(FILM)
    assert list(known.models) == [*builtin().models, "film"]
    wire = known.models["film"].offerings["fal"].modes[Mode.TEXT].wire
    assert (wire.seconds, wire.ratio, wire.images) == (None, "aspect_ratio", "stills")


def test_a_price_is_replaced_and_its_neighbours_stay() -> None:
    table = f"""[models."{V1}".offerings.fal.price.second]
        "720p" = 0.06
        "1080p" = 0.2
        [models."{V1}".modes.text-to-video]
        resolutions = ["480p", "720p", "1080p"]
        [models."{V1}".offerings.xai.price.second]
        "1080p" = 0.3"""
    price = load(table).models[V1].offerings["fal"].modes[Mode.IMAGE].price
    assert price
    assert (price.second, price.image, price.unit) == ({"480p": 0.05, "720p": 0.06, "1080p": 0.2}, 0.002, 0.05)


def test_limits_are_replaced_whole() -> None:
    table = f'[models."{V1}".modes]\ntext-to-video.seconds = {{ values = [2, 4], default = 4 }}'
    known = load(table).models[V1]
    assert known.modes[Mode.TEXT].seconds == SecondsRange(min=2, max=4, default=4, values=(2, 4))
    assert known.modes[Mode.TEXT].ratios == builtin().models[V1].modes[Mode.TEXT].ratios
    assert known.offerings["fal"].modes[Mode.TEXT].seconds == known.modes[Mode.TEXT].seconds


def test_aliases_are_added_and_replaced() -> None:
    known = load(f'[aliases]\nmine = "{V15}"\nsora-2 = "{V15}"')
    assert [known.find(name)[0].id for name in ("mine", "sora-2", "sora-2-pro")] == [V15, V15, V15]


def test_a_model_may_take_the_name_of_a_built_in_alias() -> None:
    known = load(FILM.replace("models.film", "models.sora-2"))
    assert known.find("sora-2")[0].owner == "studio"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FILM.replace("owner", "colour"), "line 2: models.film.owner: Field required; line 4: models.film.colour: unk"),
        (FILM.replace("100", '"many"'), "line 7: models.film.prompt_limit: Input should be a valid integer"),
        (
            FILM.replace("images = ", "pictures = ", 1),
            "line 16: models.film.offerings.fal.wire.pictures: unknown key",
        ),
        (FILM.replace('"16:9"\n', '"4:3"\n'), "line 9: models.film.modes.text-to-video: Value error, default_ratio"),
        (FILM.replace("text-to-video = {", "edit = {"), "line 19: models.film.offerings.fal.modes.edit: the model has"),
        (
            FILM.replace("wire.images", "price.image = 1, wire.images"),
            "line 19: models.film.offerings.fal.modes.text-to-video.price: the output has no price",
        ),
        ('[aliases]\nmine = "nobody"', "line 2: aliases.mine: there is no model 'nobody'"),
        (f'[aliases]\n"{V1}" = "{V15}"', f"line 2: aliases.{V1}: there is a model of this name"),
        (
            FILM.replace("offerings.fal", "offerings.fall"),
            "line 15: models.film.offerings.fall: there is no provider 'fall'; did you mean 'fal'?",
        ),
        (
            FILM.replace("offerings.fal", "offerings.zzz"),
            "line 15: models.film.offerings.zzz: there is no provider 'zzz'",
        ),
        ("[local]\nratio = 5", "line 2: local.ratio: Input should be a valid string"),
        ("models = 5", "line 1: models: Input should be a valid dictionary"),
        ("[models]\nx = 1\nx = 2", "(at line 3"),
        (
            f"[models.'{V1}'.modes.edit]\nseconds = {{ values = ['a'] }}",
            f"line 2: models.{V1}.modes.edit.seconds.min: Input should be a valid integer",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line_and_its_key(text: str, said: str) -> None:
    assert said in mistake(text)


def test_a_mistake_without_a_line_is_named_by_its_key_alone() -> None:
    with pytest.raises(ValueError, match=r"^models: Field required$"):
        parse("")


def test_the_example_in_the_guide_is_taken() -> None:
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    example = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert example
    known = load(example[1])
    assert known.find("cheap")[0].id == "grok-imagine-video-1.5-lite"
    assert known.models["luma-ray-2"].offerings["fal"].modes[Mode.TEXT].wire.seconds_as == "suffixed"


def test_the_local_provider_leaves_out_what_is_too_large_for_it() -> None:
    local = load(FILM).models["film"].offerings["local"].modes[Mode.TEXT]
    assert (local.resolutions, local.default_resolution) == (("720p",), "720p")
    assert local.seconds == SecondsRange(min=6, max=6, default=6)  # the model names no length
    larger = load(FILM + '\n[local]\nmax_resolution = "2160p"').models["film"]
    assert larger.offerings["local"].modes[Mode.TEXT].resolutions == ("720p", "1440p")
    auto = FILM.replace('default_resolution = "1440p"', "")
    assert load(auto).models["film"].offerings["local"].modes[Mode.TEXT].default_resolution == "auto"
    huge = FILM.replace('"720p", ', "")
    assert load(huge).models["film"].offerings["local"].modes == {}


def test_the_local_provider_takes_a_shape_where_the_model_leaves_none_to_choose() -> None:
    hailuo = builtin().models["hailuo-02-pro"]
    assert hailuo.modes[Mode.TEXT].ratios == ()
    local = hailuo.offerings["local"].modes
    assert (local[Mode.TEXT].ratios, local[Mode.TEXT].default_ratio) == (("16:9",), "16:9")
    assert local[Mode.IMAGE] == hailuo.modes[Mode.IMAGE]
