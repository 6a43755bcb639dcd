"""Models that the catalogue does not know: `fal/<endpoint>` and `aimlapi/<model>`, in the provider's own words."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from app.domain.errors import GatewayError
from app.domain.formats import parse_seconds
from app.domain.modes import ImageLimits, Mode, Model, ModeSpec, Offering, SecondsRange, Wire
from app.domain.sizing import Asked, Normalised, ParameterWarning, normalise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.domain.requests import VideoRequest

# What an id may be: it becomes part of a URL, and fal's have an owner and an app at least.
_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9_.:@-]*"
_IDS = {
    "fal": re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})+"),
    "aimlapi": re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*"),
}
_PATH = _IDS["aimlapi"]  # of every other provider
_LONGEST = 200  # characters of an id
_PROMPT_LIMIT = 32000  # characters: the gateway's own limit
_IMAGES = 32  # more than any known model takes
_WIRE = Wire(images="image_urls", seconds=None, tag=None)
_OWN = ("duration", "aspect_ratio", "resolution")  # names that the providers have, too
_OPENAI_VIDEO = frozenset({"video", "input_video"})
_SECONDS = SecondsRange(min=1, max=3600, default=1)  # whole ones: a length in seconds is an integer nearly everywhere


def verbatim_model(asked: str) -> tuple[Model, str] | None:
    """Make up a model that takes everything for `provider/id`, and name the provider; None where it is no such name."""
    provider, _, name = asked.partition("/")
    if provider not in _IDS or not is_endpoint(provider, name):
        return None
    modes = {mode: _spec(mode, name) for mode in Mode}
    model = Model(
        id=name,
        name=name,
        owner=provider,
        created=0,
        description="Not in the catalogue: what is asked is sent as it is.",
        prompt_limit=_PROMPT_LIMIT,
        modes=modes,
        offerings={provider: Offering(provider=provider, model=name, modes=modes)},
    )
    return model, provider


def literals(values: Mapping[str, object]) -> dict[str, str | float]:
    """Return what a body says of length, shape and scale, as it says it."""
    asked = {name: values.get(name) for name in ("seconds", *_OWN)}
    return {name: value for name, value in asked.items() if isinstance(value, str | int | float) and value != ""}


def own_words(request: VideoRequest, spec: ModeSpec) -> tuple[Normalised, Wire]:
    """Say what such a model is sent, and how: the caller's own field names and values, and the prompt as it is.

    Only OpenAI's own names, which no such endpoint has, are translated: `seconds`, `size`, `input_reference`, `video`.
    Raises GatewayError for a `size` that is none.
    """
    given = request.asked.literals
    fixed = {name: given[name] for name in _OWN if name in given}
    warnings: list[ParameterWarning] = []
    if "seconds" in given and fixed.setdefault("duration", given["seconds"]) is not given["seconds"]:
        warnings.append(_beaten("seconds", str(given["seconds"]), "duration"))
    size, shaped = request.asked.size, [name for name in _OWN[1:] if name in given]
    if size and shaped:
        warnings.append(_beaten("size", size, shaped[0]))
    sized = normalise(Asked(size=None if shaped else size), spec, strict=request.strict)
    image = request.images[0].param if request.images else "input_reference"
    video = request.video.param if request.video else "video"
    own: dict[str, object] = {} if image == "input_reference" else {"image": image, "images": image}
    own |= {} if video in _OPENAI_VIDEO else {"video": video}
    sized = replace(sized, seconds=_whole(fixed.get("duration")), warnings=(*sized.warnings, *warnings))
    return sized, spec.wire.model_copy(update={"fixed": fixed, **own})


def _beaten(param: str, requested: str, winner: str) -> ParameterWarning:
    message = f"{param} {requested} ignored: {winner} takes precedence."
    return ParameterWarning(param, "ignored", requested, None, message)


def _whole(duration: str | float | None) -> int | None:
    """Return the length if it is a whole number of seconds, for what is shown before the file is there."""
    with suppress(GatewayError):
        seconds = parse_seconds(str(duration), "duration")
        return int(seconds) if seconds.denominator == 1 and seconds <= _SECONDS.max else None
    return None


def is_endpoint(provider: str, name: str) -> bool:
    """Tell whether a provider could have an endpoint, or a model, of this name."""
    return len(name) <= _LONGEST and _IDS.get(provider, _PATH).fullmatch(name) is not None


def _spec(mode: Mode, endpoint: str) -> ModeSpec:
    most = {Mode.IMAGE: 1, Mode.REFERENCE: _IMAGES}.get(mode, 0)
    images = ImageLimits(max=most)
    return ModeSpec(seconds=_SECONDS, images=images, endpoint=endpoint, wire=_WIRE, verbatim=True)
