"""An offer: one way to serve a request, worked out when it was accepted. The first is tried first."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from app.domain.modes import SecondsRange, VideoLimits, Wire
from app.domain.sizing import ParameterWarning

if TYPE_CHECKING:
    from app.domain.plain import Json


@dataclass(frozen=True, slots=True)
class Shown:
    """What the client is told of an offer once it is taken: the frame and the length as text, and what differs."""

    size: str
    seconds: str
    warnings: tuple[ParameterWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """A model at a provider with values it supports. `estimate` is micro-dollars per output, None where unpriced.

    `video` limits the input video, which may be known only when it is fetched; then one of `tails` may be taken that
    is shorter than `seconds` (None: no other length will do).
    """

    provider: str
    model: str
    endpoint: str
    ratio: str
    resolution: str
    seconds: int | None
    wire: Wire
    estimate: int | None
    video: VideoLimits | None = None
    tails: SecondsRange | None = None
    shown: Shown | None = None

    def behind(self, source: float) -> Offer:
        """Return the offer with a tail that still fits behind an input video of `source` seconds, if one does."""
        fit = self.tails and self.video and tails_behind(self.tails, self.video, source)
        if not fit or not self.seconds or self.seconds <= fit.max:
            return self
        used = fit.max
        message = f"seconds: {self.seconds} do not fit behind a video of {source:.1f} s; used {used}."
        told = ParameterWarning("seconds", "converted", str(self.seconds), str(used), message)
        shown = self.shown and replace(self.shown, seconds=str(used), warnings=(*self.shown.warnings, told))
        return replace(self, seconds=used, shown=shown)

    def refuses(self, source: float) -> str | None:
        """Say what is wrong with an input video of `source` seconds, or None. A file may run a frame or two over."""
        if self.video is None:
            return None
        total = source + (self.seconds or 0)
        if not self.video.min_seconds <= source <= self.video.max_seconds + 0.1:
            return f"lasts {source:.1f} s; {self.video.min_seconds:g} to {self.video.max_seconds:g} s are accepted"
        if self.video.max_total_seconds and total > self.video.max_total_seconds + 0.1:
            return f"lasts {source:.1f} s; with {self.seconds} s more it is over {self.video.max_total_seconds:g} s"
        return None


def tails_behind(offered: SecondsRange, limits: VideoLimits, source: float) -> SecondsRange:
    """Return which tails fit behind a video of `source` seconds; the shortest always remains.

    Files run a frame or two over their nominal length: a "15 s" clip lasts 15.04 s.
    """
    if limits.max_total_seconds is None:
        return offered
    room = max(offered.min, min(offered.max, math.floor(limits.max_total_seconds - source + 0.1)))
    values = tuple(value for value in offered.values if value <= room)
    longest = values[-1] if values else room
    return SecondsRange(min=offered.min, max=longest, default=min(offered.default, longest), values=values)


_OFFER, _OFFERS = TypeAdapter(Offer), TypeAdapter(list[Offer])


def dump(offers: list[Offer]) -> Json:
    """Write offers down as plain data."""
    plain: Json = _OFFERS.dump_python(offers, mode="json")
    return plain


def load(plain: Json) -> list[Offer]:
    """Read what `dump` wrote."""
    return _OFFERS.validate_python(plain)


def load_one(plain: Json, number: int) -> Offer:
    """Read one of what `dump` wrote."""
    return _OFFER.validate_python(plain[number] if isinstance(plain, list) else None)
