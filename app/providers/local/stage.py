"""What every generated scene is given, and what it must be able to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

    from app.providers.local.canvas import Canvas
    from app.providers.local.palette import Palette


@dataclass(frozen=True, slots=True)
class Stage:
    """The frame's size in pixels, the clip's length in seconds, its colours and its source of chance."""

    width: int
    height: int
    seconds: float
    palette: Palette
    rng: np.random.Generator

    @property
    def unit(self) -> int:
        """The shorter side in pixels: things keep their size in portrait and in landscape."""
        return min(self.width, self.height)

    def travel(self, speed: float) -> int:
        """Return how far (pixels) something moves in the clip at `speed` shorter sides a second."""
        return round(min(speed * self.seconds, 2.0) * self.unit)


class Scene(Protocol):
    """A moving picture. Building it is slow and done once; drawing a frame is fast."""

    def draw(self, canvas: Canvas, seconds: float) -> None:
        """Fill `canvas` with the moment `seconds` after the start."""
        ...
