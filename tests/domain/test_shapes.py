"""The shape of a video made from an image, where the endpoint does not take it from the image."""

from __future__ import annotations

import pytest

from app.domain.catalogue import Mode, builtin
from app.domain.shapes import normalise_for
from app.domain.sizing import Asked
from tests.domain.specs import codes

SPEC = builtin().models["grok-imagine-video"].offerings["aimlapi"].modes[Mode.IMAGE]
AT_FAL = builtin().models["grok-imagine-video"].offerings["fal"].modes[Mode.IMAGE]
TOLD = [("aspect_ratio", "emulated")]


@pytest.mark.parametrize(
    ("frame", "asked", "ratio", "told"),
    [
        ((360, 640), Asked(), "9:16", []),
        ((360, 640), Asked(size="auto", aspect_ratio="auto"), "9:16", []),
        ((1000, 700), Asked(), "3:2", TOLD),
        ((10, 1000), Asked(), "9:16", TOLD),
        ((0, 0), Asked(), "16:9", TOLD),
        ((360, 640), Asked(aspect_ratio="4:3"), "4:3", []),
        ((360, 640), Asked(size="1280x720"), "16:9", []),
    ],
)
def test_the_image_gives_its_shape_unless_one_is_asked_for(
    frame: tuple[int, int], asked: Asked, ratio: str, told: list[tuple[str, str]]
) -> None:
    used = normalise_for(frame, asked, SPEC, strict=True)
    assert (used.ratio, codes(used)) == (ratio, told)


def test_an_endpoint_that_keeps_the_images_shape_is_left_to_it() -> None:
    assert normalise_for((360, 640), Asked(), AT_FAL).ratio == "auto"


def test_every_image_endpoint_of_aimlapi_that_takes_a_ratio_gets_one() -> None:
    for model in builtin().models.values():
        spec = model.offerings["aimlapi"].modes.get(Mode.IMAGE) if "aimlapi" in model.offerings else None
        if spec and spec.wire.ratio and spec.ratios:
            assert normalise_for((360, 640), Asked(), spec).ratio == "9:16", model.id
