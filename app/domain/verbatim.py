"""Models that the catalogue does not know: `fal/<endpoint>` and `aimlapi/<model>`, in the provider's own words."""

from __future__ import annotations

import re

from app.domain.modes import ImageLimits, Mode, Model, ModeSpec, Offering, SecondsRange, Wire

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
_WIRE = Wire(images="image_urls")
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


def is_endpoint(provider: str, name: str) -> bool:
    """Tell whether a provider could have an endpoint, or a model, of this name."""
    return len(name) <= _LONGEST and _IDS.get(provider, _PATH).fullmatch(name) is not None


def _spec(mode: Mode, endpoint: str) -> ModeSpec:
    most = {Mode.IMAGE: 1, Mode.REFERENCE: _IMAGES}.get(mode, 0)
    images = ImageLimits(max=most)
    return ModeSpec(seconds=_SECONDS, images=images, endpoint=endpoint, wire=_WIRE, verbatim=True)
