"""Rows of hills, each nearer, darker and faster than the one behind it, and the trees on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from app.providers.local.canvas import Layer, painted
from app.providers.local.palette import mixed
from app.providers.local.shapes import below, even, gradient, line_noise

if TYPE_CHECKING:
    from app.providers.local.canvas import Canvas, Floats, Rgb
    from app.providers.local.stage import Stage

_TIERS = 4  # of branches on a pine
_BARE = -0.45  # density of a wood (-1..1) where nothing grows
_WOODED = 0.5  # nearness from which single trees can be seen


@dataclass(frozen=True, slots=True)
class Ridge:
    """One row of hills: its picture, the row (pixels) of its upper edge, and how far it travels in the clip."""

    layer: Layer
    top: int
    travel: float

    def draw(self, canvas: Canvas, share: float) -> None:
        """Draw it at `share` (0..1) of its way."""
        canvas.draw(self.layer, -self.travel * share, self.top)


def ridge(stage: Stage, top: float, depth: float, colours: tuple[Rgb, Rgb], near: float, *, trees: bool) -> Ridge:
    """Return hills between `top` and `top + depth` (shares of the height), from a crest to a misty foot colour.

    `near` runs from 0 (the horizon) to 1: how tall the waves are, how small the trees, how fast it moves.
    """
    travel = stage.travel(0.006 + 0.05 * near**1.6)
    width, height = even(stage.width + travel + 2), even(stage.height * depth)
    swell = (0.05 + 0.045 * near) * stage.height
    period = stage.unit * (0.55 + 0.5 * near)
    waves = line_noise(width, period, 5 if not trees else 3, stage.rng)
    wood = stage.unit * (0.018 + 0.05 * near) if trees else 0.0
    crest = wood * 1.2 + (waves + 1) * swell
    mask = below(crest, height)
    if trees:
        mask = np.maximum(mask, _pines(crest, height, wood, stage.rng))
    layer = painted(gradient(colours, height), mask, (width, height))
    return Ridge(layer, round(stage.height * top), travel)


def ridges(stage: Stage, top: float, count: int, *, light: float = 1.0) -> list[Ridge]:
    """Return `count` ridges from `top` (share of the height) to the bottom, lost in haze far away.

    `light` (0..1) is how bright the haze is: the night has little.
    """
    step = (1 - top) / count
    haze = mixed(stage.palette.dark, stage.palette.haze, light)
    rows = []
    for index in range(count):
        near = index / max(count - 1, 1)
        crest = mixed(haze, stage.palette.dark, 0.12 + 0.88 * near**0.8)
        foot = mixed(crest, haze, 0.55 * (1 - near))
        depth = 1 - (top + step * index) if index == count - 1 else step * 2.4 + 0.1
        rows.append(ridge(stage, top + step * index - 0.02, depth + 0.02, (crest, foot), near, trees=near >= _WOODED))
    return rows


def _pines(crest: Floats, height: int, tall: float, rng: np.random.Generator) -> Floats:
    """Return the mask of a wood along `crest`, drawn at twice the size for clean edges."""
    width = crest.shape[0]
    image = Image.new("L", (width * 2, height * 2))
    draw = ImageDraw.Draw(image)
    density = line_noise(width, tall * 12, 2, rng)
    place = 0.0
    while place < width:
        column = int(place)
        size = tall * float(rng.uniform(0.45, 1.15)) * (0.75 + 0.35 * float(density[column]))
        if density[column] > _BARE:
            _pine(draw, place * 2, (float(crest[column]) + tall * 0.12) * 2, size * 2)
        place += size * float(rng.uniform(0.16, 0.5))
    return np.asarray(image.reduce(2), np.float32) / np.float32(255)


def _pine(draw: ImageDraw.ImageDraw, x: float, foot: float, tall: float) -> None:
    for tier in range(_TIERS):
        tip = foot - tall * (1 - tier / (_TIERS + 0.6))
        base = foot - tall * (0.86 - (tier + 1) / (_TIERS + 0.6))
        half = tall * (0.07 + 0.045 * tier)
        draw.polygon([(x, tip), (x - half, base), (x + half, base)], fill=255)
