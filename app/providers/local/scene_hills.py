"""The sun going down behind layers of hills."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.providers.local.canvas import flat
from app.providers.local.ridges import ridges
from app.providers.local.shapes import disc, even
from app.providers.local.sky import decks, sky

if TYPE_CHECKING:
    from app.providers.local.canvas import Canvas
    from app.providers.local.stage import Stage

_HORIZON = 0.56  # share of the height


class Hills:
    """Sky, sun and two decks of clouds behind ridges that pass at their own speeds."""

    def __init__(self, stage: Stage) -> None:
        size = even(stage.unit * 0.17)
        x, y = stage.width * float(stage.rng.uniform(0.3, 0.7)), stage.height * (_HORIZON - 0.16)
        self._seconds = stage.seconds
        self._sky = sky(stage, 0.66, (x, y))
        self._sun = flat(stage.palette.sun, disc(size))
        self._sun_at = (x - size / 2, y - size / 2)
        self._sink = stage.height * min(0.013 * stage.seconds, 0.12)
        self._decks = decks(stage, _HORIZON)
        self._ridges = ridges(stage, _HORIZON, 5)

    def draw(self, canvas: Canvas, seconds: float) -> None:
        """Draw from the sky to the nearest ridge."""
        share = seconds / self._seconds
        canvas.draw(self._sky)
        canvas.draw(self._sun, self._sun_at[0], self._sun_at[1] + self._sink * share)
        for deck in self._decks:
            deck.draw(canvas, share)
        for row in self._ridges:
            row.draw(canvas, share)
