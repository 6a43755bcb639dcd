"""`strict`: a refusal where there would be a conversion, which names what is supported."""

from __future__ import annotations

import pytest

from app.domain.catalogue import Mode, ModeSpec
from app.domain.errors import GatewayError
from app.domain.sizing import Asked, normalise
from tests.domain.specs import SEVEN, V1, V15, codes, free, made, refused, spec_of

RATIOS = f"Supported: {', '.join(SEVEN)}."


@pytest.mark.parametrize(
    ("asked", "spec", "param", "words"),
    [
        (Asked(aspect_ratio="7:1"), spec_of(V1), "aspect_ratio", ["'7:1'", "Nearest: '16:9'", RATIOS]),
        (Asked(size="7:1"), spec_of(V1), "size", ["'7:1'", RATIOS]),
        (Asked(resolution="1K"), spec_of(V15), "resolution", ["'1K'", "Supported: 480p, 720p, 1080p."]),
        (Asked(size="1024x1024"), spec_of(V1), "size", ["'1024x1024'", "Nearest: '720x720'", "854x480", "720x1280"]),
        (Asked(size="1280x720"), spec_of(V15, Mode.IMAGE), "size", ["Nearest: '720p'", "480p, 720p, 1080p."]),
        (Asked(size="1280x720"), made(("1:1", "16:9"), ()), "size", ["Nearest: '16:9'", "Supported: 1:1, 16:9."]),
        (Asked(seconds="6.5"), spec_of(V1), "seconds", ["'6.5'", "Nearest: '6'", "whole seconds from 1 to 15"]),
        (Asked(seconds="20", seconds_param="duration"), spec_of(V1), "duration", ["whole seconds from 1 to 15"]),
        (
            Asked(size="10x10"),
            free((256, 2048), 2_000_000, 16),
            "size",
            ["Nearest: '256x256'", "sides of 256 to 2048 pixels in steps of 16", "at most 2000000 pixels"],
        ),
    ],
)
def test_strict_refuses_what_would_be_converted_and_names_what_is_supported(
    asked: Asked, spec: ModeSpec, param: str, words: list[str]
) -> None:
    assert (param, "converted") in codes(normalise(asked, spec))
    with pytest.raises(GatewayError) as error:
        normalise(asked, spec, strict=True)
    assert refused(error) == ("unsupported_value", param)
    assert "strict is true" in error.value.message
    for word in words:
        assert word in error.value.message


def test_strict_names_every_frame_and_no_other_words() -> None:
    with pytest.raises(GatewayError) as error:
        normalise(Asked(size="9x9"), made(("16:9", "1:1"), ("480p", "720p")), strict=True)
    assert error.value.message.endswith("Supported: 854x480, 480x480, 1280x720, 720x720.")


@pytest.mark.parametrize(
    "asked",
    [
        Asked(),
        Asked(size="1280x720", aspect_ratio="1:1"),
        Asked(aspect_ratio="9:16", resolution="480P", seconds="6s"),
        Asked(seconds="6", duration="7"),
    ],
)
def test_strict_changes_nothing_where_nothing_is_converted(asked: Asked) -> None:
    assert normalise(asked, spec_of(V1), strict=True) == normalise(asked, spec_of(V1))


@pytest.mark.parametrize(
    ("asked", "spec", "param"),
    [
        (Asked(aspect_ratio="9:16"), spec_of(V15, Mode.IMAGE), "aspect_ratio"),
        (Asked(size="9:16"), spec_of(V15, Mode.IMAGE), "size"),
        (Asked(resolution="480p"), spec_of(V1, Mode.EXTEND), "resolution"),
        (Asked(size="1280x720"), spec_of(V1, Mode.EXTEND), "size"),
        (Asked(seconds="6"), spec_of(V1, Mode.EDIT), "seconds"),
    ],
)
def test_strict_refuses_what_cannot_be_chosen_and_would_be_ignored(asked: Asked, spec: ModeSpec, param: str) -> None:
    assert codes(normalise(asked, spec)) == [(param, "ignored")]
    with pytest.raises(GatewayError, match="cannot be chosen in this mode of this model, and strict is true") as error:
        normalise(asked, spec, strict=True)
    assert refused(error) == ("unsupported_value", param)


@pytest.mark.parametrize("word", ["4k", "4K", "2160p", " 4k "])
def test_a_providers_own_word_for_a_resolution_is_no_conversion(word: str) -> None:
    found = normalise(Asked(resolution=word), spec_of("veo-3.1"), strict=True)
    assert (found.resolution, found.warnings) == ("2160p", ())


def test_a_word_of_another_provider_means_what_it_always_means() -> None:
    found = normalise(Asked(resolution="4k"), spec_of("veo-3.1", provider="aimlapi"))
    assert (found.resolution, codes(found)) == ("1080p", [("resolution", "converted")])


def test_strict_still_calls_a_malformed_value_invalid() -> None:
    with pytest.raises(GatewayError) as error:
        normalise(Asked(size="big"), spec_of(V1), strict=True)
    assert refused(error) == ("invalid_value", "size")
