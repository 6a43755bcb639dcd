"""What a mode must say before anything can be made, or paid for, by it: mistakes found when the catalogue is read.

Each check yields the key a mistake is at, as the path below the mode's own table, and what is wrong.
"""

from __future__ import annotations

import difflib
from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

from app.domain.formats import AUTO
from app.domain.modes import Mode
from app.domain.verbatim import is_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from app.domain.modes import ModeSpec
    from app.domain.toml import Place

Mistake: TypeAlias = "tuple[Place, str]"

_TAKES_IMAGES = (Mode.IMAGE, Mode.REFERENCE)
_TAKES_VIDEO = (Mode.EDIT, Mode.EXTEND)


def check_mode(mode: Mode, spec: ModeSpec) -> Iterator[Mistake]:
    """Find what is missing from a mode for the inputs that its name promises."""
    if mode in _TAKES_IMAGES and not spec.images.max:
        yield ("images",), f"{mode} takes images: say how many, such as images = {{ max = 1 }}"
    if mode in _TAKES_VIDEO and spec.video is None:
        yield ("video",), f"{mode} takes a video: say how long it may be, such as video = {{ max_seconds = 15 }}"


def check_offered(provider: str, mode: Mode, spec: ModeSpec, tiers: Iterable[str]) -> Iterator[Mistake]:
    """Find what would make a provider refuse or misread requests; `tiers` are the resolutions of the whole offering."""
    yield from check_mode(mode, spec)
    yield from _check_endpoint(provider, spec.endpoint)
    yield from _check_price(spec, tiers)
    for tier in spec.wire.resolution_values:
        if tier not in tiers:
            yield ("wire", "resolution_values", tier), f"no mode has this resolution{nearest(tier, tiers)}"
    yield from _check_fields(mode, spec)


def nearest(name: str, known: Iterable[str]) -> str:
    """Name the known name that was probably meant; nothing where none is near."""
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _check_endpoint(provider: str, endpoint: str) -> Iterator[Mistake]:
    if not endpoint:
        yield ("endpoint",), f"missing: what is this mode called at {provider}?"
    elif not is_endpoint(provider, endpoint):
        yield ("endpoint",), f"{endpoint[:100]!r} is not a name at {provider}, which is a path such as 'owner/model'"


def _check_price(spec: ModeSpec, tiers: Iterable[str]) -> Iterator[Mistake]:
    if spec.price is None:
        return
    if not spec.price.second and not spec.price.video:  # it would be shown as free
        yield ("price",), "the output has no price: give second or video, or no price at all"
    known = (*tiers, AUTO)
    for tier in spec.price.second:
        if tier not in known:
            yield ("price", "second", tier), f"no mode has this resolution{nearest(tier, known)}"
    for tier in spec.resolutions if spec.price.second else ():
        if tier not in spec.price.second:
            yield ("price", "second"), f"{tier} has no price"


def _check_fields(mode: Mode, spec: ModeSpec) -> Iterator[Mistake]:
    """Every choice needs a field to be sent in, and no two of them the same one."""
    wire = spec.wire
    several = spec.seconds is not None and spec.seconds.min < spec.seconds.max
    choices = (
        ("seconds", wire.seconds, several),
        ("ratio", wire.ratio, len(spec.ratios) > 1),
        ("resolution", wire.resolution, len(spec.resolutions) > 1),
    )
    for key, name, chosen in choices:
        if chosen and name is None:
            yield ("wire", key), "it can be chosen in this mode, but has no field to be sent in"
    used = {"prompt": wire.prompt, "seconds": wire.seconds, "ratio": wire.ratio, "resolution": wire.resolution}
    if mode in _TAKES_IMAGES:
        used |= {"image": wire.image} if mode is Mode.IMAGE else {"images": wire.images}
    elif mode in _TAKES_VIDEO:
        used |= {"video": wire.video}
    names = Counter((*(name for name in used.values() if name), *wire.fixed))
    for key, name in used.items():
        if name and names[name] > 1:
            yield ("wire", key), f"two things would be sent as {name!r}"
