"""What the tests of the domain share: specs by name, made-up specs, and strategies for both and for what is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from app.domain.catalogue import FreeSize, Mode, ModeSpec, Price, SecondsRange, builtin, load
from app.domain.sizing import Asked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from app.domain.errors import GatewayError
    from app.domain.sizing import Normalised

# Derandomised, so that a run says the same today and tomorrow; to hunt, raise max_examples and drop derandomize.
settings.register_profile("domain", deadline=None, max_examples=60, derandomize=True, database=None)
thorough = settings(settings.get_profile("domain"))

CATALOGUE = builtin()
V1, V15, LITE = "grok-imagine-video", "grok-imagine-video-1.5", "grok-imagine-video-1.5-lite"
SEVEN = ("16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16")


def mistake(text: str) -> str:
    """Read a catalogue that has a mistake, and return what is said of it."""
    with pytest.raises(ValueError, match=r".") as error:
        load(text)
    return str(error.value)


def spec_of(model: str, mode: Mode = Mode.TEXT, provider: str = "fal") -> ModeSpec:
    return CATALOGUE.models[model].offerings[provider].modes[mode]


def every_spec() -> Iterator[tuple[str, ModeSpec]]:
    """Yield every mode of every built-in offering with a name for it."""
    for model in CATALOGUE.models.values():
        for offering in model.offerings.values():
            for mode, spec in offering.modes.items():
                yield f"{offering.provider}/{model.id} {mode}", spec


EVERY_SPEC = [pytest.param(spec, id=name) for name, spec in every_spec()]


def made(
    ratios: tuple[str, ...] = ("16:9",),
    resolutions: tuple[str, ...] = ("720p",),
    prices: dict[str, float] | None = None,
    seconds: tuple[int, int] = (1, 15),
) -> ModeSpec:
    """Make a spec whose defaults are the first of everything."""
    return ModeSpec(
        ratios=ratios,
        default_ratio=ratios[0] if ratios else "auto",
        resolutions=resolutions,
        default_resolution=resolutions[0] if resolutions else "auto",
        seconds=SecondsRange(min=seconds[0], max=seconds[1], default=seconds[0]),
        price=None if prices is None else Price(second=prices),
    )


def free(
    sides: tuple[int, int] = (256, 2048), most: int = 2048 * 2048, multiple: int = 16, tier: str = "720p"
) -> ModeSpec:
    limits = FreeSize(min_side=sides[0], max_side=sides[1], max_pixels=most, multiple=multiple)
    return ModeSpec(free_size=limits, default_resolution=tier)


def summary(found: Normalised) -> tuple[str, str, str, int | None]:
    """Everything but the warnings."""
    return found.ratio, found.resolution, found.size, found.seconds


def codes(found: Normalised) -> list[tuple[str, str]]:
    return [(warning.param, warning.code) for warning in found.warnings]


def refused(error: pytest.ExceptionInfo[GatewayError]) -> tuple[str, str | None]:
    return error.value.code, error.value.param


_RATIOS = (
    "1:4",
    "9:21",
    "9:16",
    "2:3",
    "3:4",
    "4:5",
    "1:1",
    "5:4",
    "4:3",
    "3:2",
    "16:9",
    "1.85:1",
    "2:1",
    "21:9",
    "8:1",
)
_TIERS = ("144p", "0.25", "360p", "480p", "720p", "768p", "1K", "1080p", "2K", "12", "4K")


def _some(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), unique=True, max_size=6).map(tuple)


@st.composite
def second_ranges(draw: st.DrawFn) -> SecondsRange:
    listed = sorted(draw(st.sets(st.integers(1, 30), max_size=5)))
    if listed:
        return SecondsRange(min=listed[0], max=listed[-1], default=draw(st.sampled_from(listed)), values=tuple(listed))
    least = draw(st.integers(1, 20))
    default = draw(st.integers(least, least + 20))
    return SecondsRange(min=least, max=draw(st.integers(default, default + 20)), default=default)


@st.composite
def listed_specs(draw: st.DrawFn) -> ModeSpec:
    """Any spec of lists, in any order, with prices that need not rise with the tier, or be there at all."""
    ratios, tiers = draw(_some(_RATIOS)), draw(_some(_TIERS))
    prices = draw(st.dictionaries(st.sampled_from(_TIERS), st.sampled_from((0.0, 0.05, 0.1, 0.4))))
    return ModeSpec(
        ratios=ratios,
        default_ratio=draw(st.sampled_from((*ratios, "auto"))),
        resolutions=tiers,
        default_resolution=draw(st.sampled_from((*tiers, "auto"))),
        seconds=draw(st.none() | second_ranges()),
        price=draw(st.none() | st.just(Price(second=prices))),
    )


@st.composite
def free_specs(draw: st.DrawFn) -> ModeSpec:
    """Any model with free dimensions, round limits or not."""
    multiple = draw(st.sampled_from((1, 2, 8, 16, 24, 64)))
    least = draw(st.integers(1, 600))
    most = draw(st.integers(least + multiple, least + multiple + 8000))
    smallest = (least + multiple) ** 2
    limits = FreeSize(
        min_side=least,
        max_side=most,
        max_pixels=draw(st.integers(smallest, max(smallest, most * most))),
        multiple=multiple,
    )
    ratio = draw(st.sampled_from(("auto", "1:1", "9:16", "21:9")))
    return ModeSpec(free_size=limits, default_ratio=ratio, default_resolution=draw(st.sampled_from(_TIERS)))


specs = st.one_of(listed_specs(), free_specs(), st.sampled_from([spec for _, spec in every_spec()]))

sides = st.integers(1, 9000) | st.sampled_from((480, 720, 854, 1024, 1080, 1280, 1920)) | st.integers(1, 10**20 - 1)
numbers = st.integers(1, 40).map(str) | st.decimals("0.01", "100", places=2).map(str)
pixel_sizes = st.builds("{}x{}".format, sides, sides)
ratio_texts = st.builds("{}:{}".format, numbers, numbers) | st.sampled_from(_RATIOS)
tier_texts = st.one_of(
    st.sampled_from((*_TIERS, "768P", "1k")),
    st.integers(1, 9000).map("{}p".format),
    st.decimals("0.01", "20", places=2).map(str),
)
second_texts = st.one_of(
    st.integers(1, 60).map(str),
    st.integers(0, 60).map("{}.5".format),
    st.integers(1, 30).map("{}s".format),
    st.integers(1, 10**20 - 1).map(str),
)
maybe_auto = st.none() | st.just("auto")
asked_values = st.builds(
    Asked,
    size=maybe_auto | pixel_sizes | ratio_texts,
    aspect_ratio=maybe_auto | ratio_texts,
    resolution=maybe_auto | tier_texts,
    seconds=maybe_auto | second_texts,
    seconds_param=st.sampled_from(("seconds", "duration")),
)


def distance(a: Fraction, b: Fraction) -> Fraction:
    """Order pairs as |ln(a/b)| does."""
    return max(a / b, b / a)
