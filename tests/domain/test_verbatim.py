"""Models that the catalogue does not know, and what of a request they are sent."""

from __future__ import annotations

import pytest

from app.domain.catalogue import Mode
from app.domain.errors import GatewayError
from app.domain.pricing import Quantities, estimate
from app.domain.sizing import Asked, normalise
from app.domain.verbatim import verbatim_model
from tests.domain.specs import codes, refused


@pytest.mark.parametrize(
    ("asked", "provider", "endpoint"),
    [
        ("fal/fal-ai/pixverse/v6/text-to-video", "fal", "fal-ai/pixverse/v6/text-to-video"),
        ("fal/luma/ray", "fal", "luma/ray"),
        ("aimlapi/luma/ray-2", "aimlapi", "luma/ray-2"),
        ("aimlapi/gen3a_turbo", "aimlapi", "gen3a_turbo"),
    ],
)
def test_any_model_of_fal_and_aimlapi_has_a_name(asked: str, provider: str, endpoint: str) -> None:
    found = verbatim_model(asked)
    assert found
    model, pinned = found
    assert (pinned, list(model.offerings), model.id) == (provider, [provider], endpoint)
    for spec in model.offerings[provider].modes.values():
        assert (spec.endpoint, spec.verbatim, spec.price) == (endpoint, True, None)
        assert estimate(spec, Quantities("auto", 5, 1)) is None
    assert [model.modes[mode].images.max > 0 for mode in Mode] == [False, True, True, False, False]


@pytest.mark.parametrize(
    "asked",
    [
        "luma/ray-2",
        "xai/luma/ray-2",
        "fal",
        "fal/",
        "fal/sora",
        "fal//ray",
        "fal/luma/",
        "fal/../admin/x",
        "fal/luma/../x",
        "fal/luma/ray?x=1",
        "fal/luma/ray 2",
        "fal/luma/" + "x" * 200,
        "aimlapi/",
        "aimlapi/a b",
    ],
)
def test_other_names_are_no_models(asked: str) -> None:
    assert verbatim_model(asked) is None


def sized(asked: Asked, *, strict: bool = False) -> tuple[str, str, int | None, list[tuple[str, str]]]:
    found = verbatim_model("fal/luma/ray")
    assert found
    used = normalise(asked, found[0].modes[Mode.TEXT], strict=strict)
    assert used.size == "auto"
    return used.ratio, used.resolution, used.seconds, codes(used)


@pytest.mark.parametrize(
    ("asked", "ratio", "resolution", "seconds"),
    [
        (Asked(), "auto", "auto", None),
        (Asked(aspect_ratio="21:9", resolution="768P", seconds="99"), "21:9", "768P", 99),
        (Asked(size="9:16", seconds="7s"), "9:16", "auto", 7),
        (Asked(resolution="4k"), "auto", "4k", None),
    ],
)
def test_what_is_asked_is_used_as_it_is(asked: Asked, ratio: str, resolution: str, seconds: int | None) -> None:
    assert sized(asked, strict=True) == (ratio, resolution, seconds, [])


def test_a_size_in_pixels_is_sent_as_ratio_and_resolution() -> None:
    assert sized(Asked(size="1280x720"), strict=True) == ("16:9", "720p", None, [("size", "emulated")])


def test_a_length_is_a_whole_number_of_seconds() -> None:
    assert sized(Asked(seconds="6.4")) == ("auto", "auto", 6, [("seconds", "converted")])
    with pytest.raises(GatewayError) as error:
        sized(Asked(seconds="6.4"), strict=True)
    assert refused(error) == ("unsupported_value", "seconds")


@pytest.mark.parametrize("asked", [Asked(size="big"), Asked(seconds="soon"), Asked(aspect_ratio="0:1")])
def test_malformed_values_are_refused_all_the_same(asked: Asked) -> None:
    with pytest.raises(GatewayError) as error:
        sized(asked)
    assert error.value.code == "invalid_value"
