"""The sea under a low sun: swell, glitter on the water and a sail."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from app.providers.local.canvas import Layer, flat, grey, painted, yuv
from app.providers.local.palette import mixed
from app.providers.local.shapes import disc, even, gradient, noise
from app.providers.local.sky import decks, sky

if TYPE_CHECKING:
    from app.providers.local.canvas import Canvas, Floats
    from app.providers.local.stage import Stage

_HORIZON = 0.54  # share of the height
_SPEEDS = (0.03, 0.021)  # of the two trains of waves, in shorter sides a second, against each other


class Sea:
    """Two textures of waves slide against each other: where both are high the water shines."""

    def __init__(self, stage: Stage) -> None:
        palette, size = stage.palette, even(stage.unit * 0.14)
        x, y = stage.width * float(stage.rng.uniform(0.35, 0.65)), stage.height * (_HORIZON - 0.13)
        self._stage = stage
        self._top = even(stage.height * _HORIZON)
        depth = stage.height - self._top
        self._sky = sky(stage, _HORIZON + 0.02, (x, y), 0.85)
        self._sun, self._sun_at = flat(palette.sun, disc(size)), (x - size / 2, y - size / 2)
        self._decks = decks(stage, _HORIZON)
        far, near = mixed(palette.sky[3], palette.haze, 0.5), mixed(palette.dark, palette.sky[0], 0.55)
        self._water = painted(gradient((far, mixed(far, near, 0.55), near), depth, 0.8), size=(stage.width, depth))
        self._waves = [_waves(stage, depth, speed) for speed in _SPEEDS]
        self._path = grey(_path(stage.width, depth, x) * 255)
        self._shine = tuple(round(float(level)) for level in yuv(mixed(palette.sun, (1.0, 1.0, 1.0), 0.3)))
        self._crest = tuple(round(float(level)) for level in yuv(mixed(far, palette.sun, 0.35)))
        self._trough = tuple(round(float(level)) for level in yuv(mixed(near, palette.dark, 0.7)))
        self._sail = _sail(stage)
        self._sail_x = stage.width * float(stage.rng.uniform(0.2, 0.8))

    def draw(self, canvas: Canvas, seconds: float) -> None:
        """Draw the sky, the water, the light on it, the sail."""
        stage, share = self._stage, seconds / self._stage.seconds
        canvas.draw(self._sky)
        canvas.draw(self._sun, *self._sun_at)
        for deck in self._decks:
            deck.draw(canvas, share)
        canvas.draw(self._water, 0, self._top)
        swell = self._swell(seconds)
        for table, colour in ((_TROUGHS, self._trough), (_CRESTS, self._crest)):
            canvas.draw(_masked(colour, swell.point(table)), 0, self._top)
        glitter = ImageChops.multiply(swell.point(_SPARKS), self._path)
        canvas.draw(_masked(self._shine, glitter), 0, self._top)
        bob = stage.unit * 0.004 * math.sin(1.7 * seconds)
        canvas.draw(
            self._sail, self._sail_x + stage.unit * 0.012 * seconds, self._top - self._sail.size[1] * 0.86 + bob
        )

    def _swell(self, seconds: float) -> Image.Image:
        """Return how high the water stands (0..255) everywhere."""
        size = self._water.size
        shifts = [speed * self._stage.unit * seconds for speed in _SPEEDS]
        one, other = self._waves
        left = other.width - size[0] - shifts[1]
        trains = (
            (one, shifts[0] % (one.width - size[0])),
            (other, left % (other.width - size[0])),
        )
        first, second = (_cut(train, x, size) for train, x in trains)
        return Image.blend(first, second, 0.5)


def _table(low: float, high: float, strength: float) -> list[int]:
    """Return the opacities by height of water: from none at `low` to `strength` at `high` (0..255 all)."""
    return [round(strength * min(max((level - low) / (high - low), 0), 1)) for level in range(256)]


_CRESTS = _table(132, 190, 80)
_TROUGHS = _table(124, 66, 80)
_SPARKS = _table(130, 158, 240)


def _waves(stage: Stage, depth: int, speed: float) -> Image.Image:
    """Return a wide texture of waves: fine and flat at the horizon, broad and tall close by."""
    width = even(stage.width + stage.travel(speed) + 4)
    rows = np.linspace(0, 1, depth, dtype=np.float32) ** 0.55
    cells = max(2, round(7 * width / stage.unit))
    texture = noise(width, depth, (cells, 72), 3, stage.rng)
    perspective = np.clip((rows * (depth - 1)).astype(int), 0, depth - 1)
    sharp = np.clip((texture[perspective] - 0.5) * 2.1 + 0.5, 0, 1)
    return grey(sharp * 255)


def _path(width: int, depth: int, x: float) -> Floats:
    """Return where the water mirrors the sun (0..1): narrow at the horizon, wide close by."""
    rows = np.linspace(0, 1, depth, dtype=np.float32)[:, None]
    reach = (0.05 + 0.17 * rows) * width
    across = (np.arange(width, dtype=np.float32)[None, :] - x) / reach
    light: Floats = np.exp(-(across**2)) * (1 - 0.45 * rows) + 0.05
    return light


def _sail(stage: Stage) -> Layer:
    """Return a small boat, drawn at four times its size."""
    tall = even(stage.unit * 0.075)
    image = Image.new("L", (tall * 4, tall * 4))
    draw = ImageDraw.Draw(image)
    unit = tall * 4 / 100
    for shape in (
        [(50, 4), (50, 74), (86, 74)],
        [(46, 14), (46, 74), (20, 74)],
        [(14, 80), (90, 80), (78, 94), (26, 94)],
    ):
        draw.polygon([(x * unit, y * unit) for x, y in shape], fill=255)
    mask = np.asarray(image.reduce(4), np.float32) / np.float32(255)
    return flat(mixed(stage.palette.dark, stage.palette.haze, 0.12), mask * np.float32(0.92))


def _masked(colour: tuple[int, ...], mask: Image.Image) -> Layer:
    y, u, v = colour
    return Layer(y, u, v, mask, mask.reduce(2))


def _cut(image: Image.Image, left: float, size: tuple[int, int]) -> Image.Image:
    whole = int(left)
    near = image.crop((whole, 0, whole + size[0], size[1]))
    return Image.blend(near, image.crop((whole + 1, 0, whole + 1 + size[0], size[1])), left - whole)
