"""An offer: one way to serve a request, worked out when it was accepted. The first is tried first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from app.domain.modes import VideoLimits, Wire  # noqa: TC001 - pydantic reads the annotations of Offer

if TYPE_CHECKING:
    from app.domain.plain import Json


@dataclass(frozen=True, slots=True)
class Offer:
    """A model at a provider with values it supports. `estimate` is micro-dollars per output, None where unpriced.

    `video` limits the input video, which may be known only when it is fetched.
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


_OFFERS = TypeAdapter(list[Offer])


def dump(offers: list[Offer]) -> Json:
    """Write offers down as plain data."""
    plain: Json = _OFFERS.dump_python(offers, mode="json")
    return plain


def load(plain: Json) -> list[Offer]:
    """Read what `dump` wrote."""
    return _OFFERS.validate_python(plain)
