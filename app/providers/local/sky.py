"""The sky behind a scene, and the clouds that cross it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.providers.local.canvas import Layer, flat, painted, stacked
from app.providers.local.palette import mixed
from app.providers.local.shapes import clouds, even, glow, gradient

if TYPE_CHECKING:
    from app.providers.local.canvas import Canvas
    from app.providers.local.stage import Stage


def sky(stage: Stage, horizon: float, light: tuple[float, float], strength: float = 0.75) -> Layer:
    """Return the whole background: a sky down to `horizon` (share of the height) glowing around `light` (pixels)."""
    height = even(stage.height * horizon)
    air = painted(gradient(stage.palette.sky, height, 1.1), size=(stage.width, height))
    ground = painted(gradient(stage.palette.sky[-1:], 1), size=(stage.width, stage.height - height))
    size = even(stage.unit * 1.5)
    halo = flat(stage.palette.sun, glow(size, 2.2) * strength)
    return stacked(
        (stage.width, stage.height),
        (air, 0, 0),
        (ground, 0, height),
        (halo, light[0] - size / 2, light[1] - size / 2),
    )


@dataclass(frozen=True, slots=True)
class Deck:
    """One layer of clouds that drifts to the right."""

    layer: Layer
    top: float  # pixels
    travel: float  # pixels in the clip

    def draw(self, canvas: Canvas, share: float) -> None:
        """Draw it at `share` (0..1) of its way."""
        canvas.draw(self.layer, self.travel * (share - 1) - 1, self.top)


def decks(stage: Stage, horizon: float) -> list[Deck]:
    """Return high thin clouds and lower brighter ones, above `horizon` (share of the height)."""
    rows = []
    for top, depth, speed, tone in ((0.02, 0.6, 0.012, 0.35), (0.36, 0.56, 0.022, 0.75)):
        travel = stage.travel(speed)
        mask = clouds(even(stage.width + travel + 2), even(stage.height * horizon * depth), stage.rng)
        colour = mixed(stage.palette.sky[1], stage.palette.sun, tone)
        rows.append(Deck(flat(colour, mask * 0.6), stage.height * horizon * top, travel))
    return rows
