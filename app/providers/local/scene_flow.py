"""Folds of coloured light, for prompts that name no place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np

from app.providers.local.canvas import yuv
from app.providers.local.palette import mixed
from app.providers.local.shapes import gradient

if TYPE_CHECKING:
    from app.providers.local.canvas import Canvas, Floats
    from app.providers.local.stage import Stage

_SMALL = 320  # pixels of the longer side: folds are soft, so they are computed small and enlarged
_STEPS = 512  # of the colour table
_SHEEN = 14.0  # how steep a slope must be to shine


class Flow:
    """Waves that bend waves; their height picks the colour and their slope the sheen."""

    def __init__(self, stage: Stage) -> None:
        longer = max(stage.width, stage.height)
        width, height = (max(16, side * _SMALL // longer // 2 * 2) for side in (stage.width, stage.height))
        self._size = stage.width, stage.height
        self._small = width, height
        reach = stage.unit
        self._x = np.linspace(0, stage.width / reach, width, dtype=np.float32)[None, :]
        self._y = np.linspace(0, stage.height / reach, height, dtype=np.float32)[:, None]
        self._phase = stage.rng.uniform(0, 2 * np.pi, 6).astype(np.float32)
        self._angle = float(stage.rng.uniform(0.25, 1.1))
        palette = stage.palette
        deep = mixed(palette.dark, palette.sky[0], 0.35)
        stops = (deep, palette.sky[0], palette.sky[1], palette.sky[2], palette.accent, palette.sky[3])
        self._table = yuv(gradient(stops, _STEPS)[:, 0, :])

    def draw(self, canvas: Canvas, seconds: float) -> None:
        """Compute the folds of this moment and enlarge them."""
        height, slope = self._folds(seconds)
        colour = self._table[np.clip(height * (_STEPS - 1), 0, _STEPS - 1).astype(np.intp)]
        luma = np.clip(colour[..., 0] * (1 + 0.2 * slope), 16, 235)
        chroma = colour[::2, ::2, 1:]
        planes = np.concatenate([luma.ravel(), chroma[..., 0].ravel(), chroma[..., 1].ravel()]).astype(np.uint8)
        width, tall = self._small
        small = av.VideoFrame.from_ndarray(planes.reshape(tall * 3 // 2, width), format="yuv420p")
        canvas.show(small.reformat(*self._size, interpolation="BICUBIC"))

    def _folds(self, seconds: float) -> tuple[Floats, Floats]:
        """Return the height of the folds and how much light their slope catches (-1..1)."""
        a, b, c, d, e, f = self._phase
        time = np.float32(0.38 * seconds)
        u = self._x * np.float32(np.cos(self._angle)) + self._y * np.float32(np.sin(self._angle))
        v = self._y * np.float32(np.cos(self._angle)) - self._x * np.float32(np.sin(self._angle))
        u = u + 0.28 * np.sin(3.1 * v + time + a) + 0.07 * np.sin(7.3 * v - 1.4 * time + b)
        v = v + 0.30 * np.sin(2.7 * u - 0.8 * time + c) + 0.06 * np.sin(8.1 * u + 1.2 * time + d)
        height = 0.5 + 0.33 * np.sin(5.2 * v + 1.3 * u + 0.6 * time + e) + 0.17 * np.sin(4.1 * u - 2.6 * v - time + f)
        down, right = np.gradient(height)
        slope = np.tanh(_SHEEN * (right - down))
        return height, slope
