"""Reference pictures as cards that float over a soft background of their own colours."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from app.providers.local.canvas import Canvas, Layer, from_rgba
from app.providers.local.pictures import video_frame
from app.providers.local.shapes import even
from app.providers.local.zoom import Zoom

if TYPE_CHECKING:
    from app.providers.local.stage import Stage

_STAGE_TOP, _STAGE_BOTTOM = 0.12, 0.74  # shares of the height between the mark and the title
_WHITE = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Card:
    """One picture with its place (left and top, pixels) and how it floats (radians, pixels)."""

    layer: Layer
    left: float
    top: float
    phase: float
    reach: float

    def draw(self, canvas: Canvas, seconds: float) -> None:
        """Draw it where it floats at this moment."""
        angle = 0.9 * seconds + self.phase
        canvas.draw(self.layer, self.left + self.reach * math.cos(angle * 0.7), self.top + self.reach * math.sin(angle))


class Collage:
    """1 to 14 pictures: the background zooms slowly, the cards float in front of it."""

    def __init__(self, pictures: list[Image.Image], stage: Stage) -> None:
        self._seconds = stage.seconds
        self._background = Zoom(
            video_frame(_background(pictures, (stage.width, stage.height))),
            (stage.width, stage.height),
            0.12,
            (0.5, 0.5),
        )
        self._cards = _cards(pictures, stage)

    def draw(self, canvas: Canvas, seconds: float) -> None:
        """Draw the background, then the cards."""
        self._background.draw(canvas, min(1.0, seconds / self._seconds))
        for card in self._cards:
            card.draw(canvas, seconds)


def _background(pictures: list[Image.Image], size: tuple[int, int]) -> Image.Image:
    """Return the pictures side by side, so blurred and darkened that only their colours are left."""
    small = Image.new("RGB", (16 * len(pictures), 18))
    for index, picture in enumerate(pictures):
        small.paste(picture.resize((16, 18), Image.Resampling.BOX), (16 * index, 0))
    fit = small.resize((96, max(2, round(96 * size[1] / size[0]))), Image.Resampling.BICUBIC)
    soft = fit.filter(ImageFilter.GaussianBlur(7))
    return soft.resize(size, Image.Resampling.BICUBIC).point([round(level * 0.62) for level in range(256)] * 3)


def _cards(pictures: list[Image.Image], stage: Stage) -> list[Card]:
    """Place the cards on the grid that lets them be largest, a little out of line."""
    area = stage.width * 0.92, stage.height * (_STAGE_BOTTOM - _STAGE_TOP)
    columns, rows = _grid(len(pictures), area)
    cell = area[0] / columns, area[1] / rows
    cards = []
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        in_row = min(columns, len(pictures) - row * columns)
        middle_x = stage.width / 2 + (column - (in_row - 1) / 2) * cell[0]
        middle_y = stage.height * _STAGE_TOP + (row + 0.5) * cell[1]
        tilt = float(stage.rng.uniform(-4, 4))
        layer = from_rgba(_card(picture, (cell[0] * 0.94, cell[1] * 0.94), stage.unit, tilt))
        width, height = layer.size
        phase = float(stage.rng.uniform(0, 2 * math.pi))
        cards.append(Card(layer, middle_x - width / 2, middle_y - height / 2, phase, stage.unit * 0.01))
    return cards


def _grid(count: int, area: tuple[float, float]) -> tuple[int, int]:
    """Return the columns and rows whose square cells are largest."""

    def side(columns: int) -> float:
        return min(area[0] / columns, area[1] / math.ceil(count / columns))

    columns = max(range(1, count + 1), key=side)
    return columns, math.ceil(count / columns)


def _card(picture: Image.Image, room: tuple[float, float], unit: int, tilt: float) -> Image.Image:
    """Return `picture` with a white edge, round corners and a shadow, tilted, no larger than `room`."""
    edge, blur = max(2, unit // 120), max(4, unit // 60)
    inner = round(room[0] * 0.92) - 2 * (edge + blur), round(room[1] * 0.92) - 2 * (edge + blur)
    shown = ImageOps.contain(picture, (max(8, inner[0]), max(8, inner[1])), Image.Resampling.LANCZOS)
    width, height = shown.width + 2 * edge, shown.height + 2 * edge
    shape = Image.new("L", (width * 2, height * 2))
    ImageDraw.Draw(shape).rounded_rectangle((0, 0, width * 2 - 1, height * 2 - 1), unit // 28, fill=255)
    shape = shape.reduce(2)
    face = Image.new("RGB", (width, height), _WHITE)
    face.paste(shown, (edge, edge))
    sheet = Image.new("RGBA", (even(width + 4 * blur), even(height + 4 * blur)), (0, 0, 0, 0))
    sheet.paste((0, 0, 0, 130), (2 * blur, 2 * blur + blur // 2), shape)
    sheet = sheet.filter(ImageFilter.GaussianBlur(blur * 0.8))
    sheet.paste(face, (2 * blur, 2 * blur), shape)
    turned = sheet.rotate(tilt, Image.Resampling.BICUBIC, expand=True)
    padded = Image.new("RGBA", (even(turned.width + 2), even(turned.height + 2)), (0, 0, 0, 0))
    padded.paste(turned, (1, 1))
    return padded
