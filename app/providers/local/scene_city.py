"""A city at dusk across the water: lit windows, blinking masts, reflections."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from app.providers.local.canvas import Layer, flat, from_rgba
from app.providers.local.palette import mixed
from app.providers.local.shapes import disc, even, glow
from app.providers.local.sky import decks, sky
from app.providers.local.water import Water

if TYPE_CHECKING:
    from app.providers.local.canvas import Canvas, Rgb
    from app.providers.local.stage import Stage

_SHORE = 0.76  # share of the height
_WARM = ((255, 214, 140), (255, 190, 110), (255, 236, 196), (190, 220, 255))  # window light
_DARK_SHARE = 0.52  # of windows
_BLINK_SECONDS = 1.6
_LAMP_LEVELS = 12


@dataclass(frozen=True, slots=True)
class Row:
    """One row of buildings, how far it travels, and where its masts carry a lamp (pixels in the row)."""

    layer: Layer
    top: int
    travel: float
    lamps: list[tuple[int, int]]


class City:
    """Three rows of towers before the last light, and their picture in the water."""

    def __init__(self, stage: Stage) -> None:
        size = even(stage.unit * 0.22)
        x, y = stage.width * float(stage.rng.uniform(0.3, 0.7)), stage.height * 0.5
        self._stage = stage
        self._sky = sky(stage, _SHORE, (x, y), 0.7)
        self._sun, self._sun_at = flat(stage.palette.sun, disc(size) * np.float32(0.95)), (x - size / 2, y - size / 2)
        self._decks = decks(stage, _SHORE * 0.8)
        shore = even(stage.height * _SHORE)
        self._rows = [_row(stage, shore, near) for near in (0.0, 0.5, 1.0)]
        lamp = flat((1.0, 0.25, 0.2), glow(even(stage.unit * 0.022), 1.3))
        self._lamps = [lamp.faded(0.25 + 0.75 * level / _LAMP_LEVELS) for level in range(_LAMP_LEVELS + 1)]
        self._water = Water(stage, shore, mixed(stage.palette.dark, stage.palette.sky[0], 0.25), 0.3)

    def draw(self, canvas: Canvas, seconds: float) -> None:
        """Draw the sky, the rows from far to near, their lamps, and the water."""
        share = seconds / self._stage.seconds
        canvas.draw(self._sky)
        canvas.draw(self._sun, *self._sun_at)
        for deck in self._decks:
            deck.draw(canvas, share)
        for row in self._rows:
            left = -row.travel * share
            canvas.draw(row.layer, left, row.top)
            for index, (x, y) in enumerate(row.lamps):
                bright = max(0.0, math.sin(2 * math.pi * (seconds / _BLINK_SECONDS + index * 0.37)))
                lamp = self._lamps[round(bright * _LAMP_LEVELS)]
                canvas.draw(lamp, left + x - lamp.size[0] / 2, row.top + y - lamp.size[1] / 2)
        self._water.draw(canvas, seconds)


def _row(stage: Stage, shore: int, near: float) -> Row:
    """Return the towers of one row; `near` runs from 0, lost in haze, to 1, dark and close."""
    palette, rng = stage.palette, stage.rng
    travel = stage.travel(0.008 + 0.03 * near)
    width, height = even(stage.width + travel + 2), even(stage.height * (0.5 - 0.06 * near))
    wall = mixed(mixed(palette.haze, palette.sky[1], 0.35), palette.dark, 0.2 + 0.72 * near)
    image = Image.new("RGBA", (width, height), (*_bytes(wall), 0))
    draw = ImageDraw.Draw(image)
    lamps: list[tuple[int, int]] = []
    left = -int(rng.integers(0, stage.unit // 12 + 1))
    while left < width:
        wide = round(stage.unit * float(rng.uniform(0.05, 0.11)) * (0.75 + 0.45 * near))
        middle = 1 - abs((left + wide / 2) / width - 0.5)  # the centre is built highest
        tall = height * float(rng.uniform(0.22, 0.8)) * middle
        tower = (left, round(height - tall), left + wide, height)
        shade = mixed(wall, palette.dark, float(rng.uniform(0, 0.25)))
        draw.rectangle(tower, fill=(*_bytes(shade), 255))
        _roof(draw, tower, _bytes(shade), lamps, rng)
        _windows(draw, tower, shade, stage.unit * (0.0055 + 0.0025 * near), near, rng)
        left += wide + round(stage.unit * float(rng.uniform(-0.012, 0.012)))
    return Row(from_rgba(image), shore - height, travel, [lamp for lamp in lamps if lamp[1] > 0])


def _roof(
    draw: ImageDraw.ImageDraw,
    tower: tuple[int, int, int, int],
    shade: tuple[int, int, int],
    lamps: list[tuple[int, int]],
    rng: np.random.Generator,
) -> None:
    """Give a tower a step, a mast with a lamp, or nothing."""
    left, top, right, _bottom = tower
    wide, middle = right - left, (left + right) // 2
    kind = int(rng.integers(4))
    if kind in (0, 1):
        draw.rectangle((left + wide // 4, top - wide // 4, right - wide // 4, top), fill=(*shade, 255))
    if kind == 1:
        mast = top - wide // 4 - round(wide * float(rng.uniform(0.4, 0.9)))
        draw.rectangle((middle - max(0, wide // 50), mast, middle + max(1, wide // 50), top), fill=(*shade, 255))
        lamps.append((middle, mast))


def _windows(
    draw: ImageDraw.ImageDraw,
    tower: tuple[int, int, int, int],
    wall: Rgb,
    pane: float,
    near: float,
    rng: np.random.Generator,
) -> None:
    """Light some of a tower's windows; far away they are as pale as the wall."""
    left, top, right, bottom = tower
    across, down = pane * 2.1, pane * 2.6
    columns, rows = int((right - left - pane) / across), int((bottom - top - pane) / down)
    lit = rng.random((max(rows, 0), max(columns, 0)))
    inset = (right - left - columns * across + across - pane) / 2
    for row, column in np.argwhere(lit > _DARK_SHARE):
        colour = _WARM[int(lit[row, column] * 1000) % len(_WARM)]
        strength = (0.35 + 0.6 * near) * (0.55 + 0.45 * float(lit[row, column]))
        light = mixed(wall, (colour[0] / 255, colour[1] / 255, colour[2] / 255), strength)
        x, y = left + inset + column * across, top + pane * 1.4 + row * down
        draw.rectangle((x, y, x + pane, y + pane * 1.25), fill=(*_bytes(light), 255))


def _bytes(colour: Rgb) -> tuple[int, int, int]:
    red, green, blue = (round(level * 255) for level in colour)
    return red, green, blue
