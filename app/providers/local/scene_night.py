"""A northern night: stars, the Milky Way and an aurora, mirrored in a lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np
from PIL import Image

from app.providers.local.canvas import Layer, flat, painted, planes_of, stacked
from app.providers.local.palette import mixed
from app.providers.local.ridges import ridge
from app.providers.local.shapes import even, glow, gradient, line_noise, noise
from app.providers.local.water import Water

if TYPE_CHECKING:
    from app.providers.local.canvas import Canvas, Floats
    from app.providers.local.stage import Stage

_SHORE = 0.74  # share of the height
_SMALL = (160, 90)  # the aurora is computed this small and enlarged: it has no edges
_NIGHT = ((0.010, 0.018, 0.055), (0.022, 0.050, 0.125), (0.050, 0.115, 0.215), (0.125, 0.215, 0.310))
_GREEN, _VIOLET = (0.25, 0.98, 0.62), (0.62, 0.30, 0.95)


class Night:
    """The sky turns slowly, the curtains of light wander, the lake repeats it all."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        shore = even(stage.height * _SHORE)
        tint = stage.palette.sky[0]
        self._sky = _sky(stage, shore)
        self._stars = [_stars(stage, shore, count) for count in (260, 90)]
        self._light = painted(
            gradient((_VIOLET, mixed(_VIOLET, _GREEN, 0.45), _GREEN, _GREEN, _GREEN), shore),
            size=(stage.width, shore),
        )
        self._folds = [
            (line_noise(4 * _SMALL[0], 46, 3, stage.rng), line_noise(4 * _SMALL[0], 8, 3, stage.rng), offset)
            for offset in (0.0, 0.17)
        ]
        far, near = mixed((0.05, 0.10, 0.18), tint, 0.25), (0.010, 0.022, 0.045)
        self._ridges = [
            ridge(stage, _SHORE - 0.20, 0.22, (far, mixed(far, (0.16, 0.27, 0.36), 0.5)), 0.35, trees=False),
            ridge(stage, _SHORE - 0.13, 0.15, (mixed(far, near, 0.6), mixed(far, near, 0.4)), 0.55, trees=True),
        ]
        self._water = Water(stage, shore, (0.02, 0.05, 0.10), 0.25)

    def draw(self, canvas: Canvas, seconds: float) -> None:
        """Draw the sky, the lights, the mountains, and the lake under them."""
        share = seconds / self._stage.seconds
        canvas.draw(self._sky)
        for speed, stars in zip((0.004, 0.0065), self._stars, strict=True):
            canvas.draw(stars, -speed * self._stage.unit * seconds)
        mask = _enlarged(self._curtains(seconds), self._light.size)
        canvas.draw(Layer(self._light.y, self._light.u, self._light.v, mask, mask.reduce(2)))
        for row in self._ridges:
            row.draw(canvas, share)
        self._water.draw(canvas, seconds)

    def _curtains(self, seconds: float) -> Floats:
        """Return the aurora's strength (0..1), small: rays that rise from a wandering lower edge."""
        width, height = _SMALL
        x = np.arange(width, dtype=np.float32)
        y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
        total = np.zeros((height, width), np.float32)
        for index, (fold, ray, offset) in enumerate(self._folds):
            drift = (5.0 + 3 * index) * seconds
            place = np.arange(fold.shape[0], dtype=np.float32)
            edge = 0.68 - offset + 0.15 * np.interp(x + drift, place, fold)
            rays = 0.58 + 0.42 * np.interp(x * 1.3 + drift * 1.9 + 40, place, ray)
            swell = 0.62 + 0.38 * np.sin(0.055 * x + 0.7 * seconds + 2.4 * index)
            above = edge[None, :] - y
            tall = 0.13 + 0.24 * rays[None, :]
            body = np.exp(-np.clip(above, 0, None) / tall) * np.clip(1 + above / 0.035, 0, 1)
            total += body * (rays * swell)[None, :]
        strength: Floats = np.clip(total * 1.05, 0, 0.95).astype(np.float32)
        return strength


def _sky(stage: Stage, shore: int) -> Layer:
    """Return the dark gradient with the Milky Way across it."""
    tinted = [mixed(colour, stage.palette.sky[0], 0.22) for colour in _NIGHT]
    air = painted(gradient(tinted, shore), size=(stage.width, shore))
    small = even(stage.width / 2), even(shore / 2)
    x = np.linspace(0, 1, small[0], dtype=np.float32)[None, :]
    y = np.linspace(0, 1, small[1], dtype=np.float32)[:, None]
    band = np.exp(-(((y - 0.75 + 0.9 * x) / 0.2) ** 2))
    cloud = np.clip(noise(*small, (7, 5), 5, stage.rng) * 1.7 - 0.55, 0, 1) * band * np.float32(0.42)
    milk = Image.fromarray(cloud).resize((stage.width, shore), Image.Resampling.BILINEAR)
    milky = flat((0.62, 0.68, 0.88), np.asarray(milk))
    return stacked((stage.width, stage.height), (air, 0, 0), (milky, 0, 0))


def _stars(stage: Stage, shore: int, count: int) -> Layer:
    """Return `count` stars: most are faint points, few are bright and have a halo."""
    width = even(stage.width * 1.15)
    mask = np.zeros((shore, width), np.float32)
    scale = max(1.0, stage.unit / 540)
    for _ in range(count):
        bright = float(stage.rng.random()) ** 3
        size = even((2 + 5 * bright) * scale)
        x, y = int(stage.rng.integers(0, width - size)), int(shore * float(stage.rng.random()) ** 1.3 * 0.95)
        star = glow(size, 1.6) * (0.45 + 0.55 * bright)
        spot = mask[y : y + size, x : x + size]
        np.maximum(spot, star[: spot.shape[0], : spot.shape[1]], out=spot)
    return flat((0.95, 0.97, 1.0), mask)


def _enlarged(small: Floats, size: tuple[int, int]) -> Image.Image:
    """Return `small` (0..1) as a smooth mask of `size`."""
    frame = av.VideoFrame.from_ndarray((small * 255).astype(np.uint8), format="gray")
    large = frame.reformat(*size, interpolation="BICUBIC")
    return Image.fromarray(planes_of(large)[0])
