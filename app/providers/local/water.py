"""Still water that repeats what stands above its shore."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.providers.local.canvas import flat

if TYPE_CHECKING:
    from app.providers.local.canvas import Canvas, Rgb
    from app.providers.local.stage import Stage


class Water:
    """Rows of the picture, upside down; ripples are rows taken from a little higher or lower."""

    def __init__(self, stage: Stage, shore: int, colour: Rgb, depth: float) -> None:
        self._shore = shore
        height = stage.height - shore
        rise = np.linspace(0, 1, height, dtype=np.float32)[:, None]
        self._veil = flat(colour, np.broadcast_to(depth + (0.75 - depth) * rise**1.5, (height, stage.width)))
        self._unit = stage.unit

    def draw(self, canvas: Canvas, seconds: float) -> None:
        """Fill everything under the shore from what has been drawn above it."""
        for plane, scale in zip(canvas.planes, (1, 2, 2), strict=True):
            shore = self._shore // scale
            deep = np.arange(plane.shape[0] - shore, dtype=np.float32)
            away = deep * scale / self._unit
            ripple = np.sin(46 * np.sqrt(away + 0.002) * 2.2 - 2.6 * seconds) + 0.6 * np.sin(150 * away + 3.7 * seconds)
            rows = shore - 1 - deep * 1.9 - ripple * (0.25 + 11 * away) * self._unit / 720 / scale
            plane[shore:] = plane[np.clip(rows, 0, shore - 1).astype(np.intp)]
        canvas.draw(self._veil, 0, self._shore)
