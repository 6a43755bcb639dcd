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

_STAGE_TOP, _STAGE_BOTTOM = 0.13, 0.77  # shares of the height between the mark and the title
_SHAPES = 0.62, 1.9  # width by height, narrowest and widest
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
    small = Image.new("RGB", (8 * len(pictures), 8))
    for index, picture in enumerate(pictures):
        small.paste(picture.resize((8, 8), Image.Resampling.BOX), (8 * index, 0))
    fit = small.resize((96, 54), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(13))
    return fit.resize(size, Image.Resampling.BICUBIC).point([round(level * 0.6) for level in range(256)] * 3)


def _cards(pictures: list[Image.Image], stage: Stage) -> list[Card]:
    """Place the cards in the rows that let them be largest, each a little tilted."""
    area = stage.width * 0.94, stage.height * (_STAGE_BOTTOM - _STAGE_TOP)
    shown = [_trimmed(picture) for picture in pictures]
    rows = max(range(1, len(shown) + 1), key=lambda count: _card_height(_split(shown, count), area))
    split = _split(shown, rows)
    height = _card_height(split, area)
    cards = []
    for index, row in enumerate(split):
        middle_y = stage.height * (_STAGE_TOP + _STAGE_BOTTOM) / 2 + (index - (rows - 1) / 2) * height
        left = (stage.width - _row_width(row) * height) / 2
        for picture in row:
            room = picture.width / picture.height * height
            tilt = float(stage.rng.uniform(-3.5, 3.5))
            layer = from_rgba(_card(picture, (room, height), stage.unit, tilt))
            place = left + (room - layer.size[0]) / 2, middle_y - layer.size[1] / 2
            cards.append(Card(layer, *place, float(stage.rng.uniform(0, 2 * math.pi)), stage.unit * 0.009))
            left += room
    return cards


def _trimmed(picture: Image.Image) -> Image.Image:
    """Cut very long pictures to shapes that can stand next to each other."""
    low, high = _SHAPES
    shape = min(max(picture.width / picture.height, low), high)
    width, height = min(picture.width, picture.height * shape), min(picture.height, picture.width / shape)
    left, top = round((picture.width - width) / 2), round((picture.height - height) / 2)
    return picture.crop((left, top, picture.width - left, picture.height - top))


def _split(pictures: list[Image.Image], rows: int) -> list[list[Image.Image]]:
    """Deal `pictures` in order onto `rows` rows of nearly the same number."""
    count = len(pictures)
    return [pictures[count * row // rows : count * (row + 1) // rows] for row in range(rows)]


def _card_height(rows: list[list[Image.Image]], area: tuple[float, float]) -> float:
    """Return how tall (pixels) cards can be that stand in `rows` within `area`."""
    return min(area[1] / len(rows), *(area[0] / _row_width(row) for row in rows))


def _row_width(row: list[Image.Image]) -> float:
    """Return how many times wider than tall a row is."""
    return sum(picture.width / picture.height for picture in row)


def _card(picture: Image.Image, room: tuple[float, float], unit: int, tilt: float) -> Image.Image:
    """Return `picture` with a white edge, round corners and a shadow, tilted, no larger than `room`."""
    edge, blur = max(2, unit // 110), max(3, unit // 60)
    inner = round(room[0] * 0.93) - 2 * edge, round(room[1] * 0.93) - 2 * edge
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
