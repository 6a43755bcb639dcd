"""The pictures of docs/normalisation.md: what was asked over what is used, computed by the function that decides."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from app.domain import catalogue
from app.domain.catalogue import Mode
from app.domain.formats import parse_pixels, parse_ratio
from app.domain.sizing import Asked, normalise
from tests.docs import svg

if TYPE_CHECKING:
    from fractions import Fraction

V1, V15 = "grok-imagine-video", "grok-imagine-video-1.5"
SIZES = (
    (V1, "1280x720"),
    (V1, "1920x1080"),
    (V1, "1024x1792"),
    (V1, "1024x1024"),
    (V1, "1254x836"),
    (V1, "640x360"),
    (V15, "1024x1024"),
    (V15, "1792x1024"),
)
RATIOS = ("7:1", "21:9", "1.85:1", "16:10", "5:4", "4:5", "1:2", "9:16")
LENGTHS = ((V1, Mode.TEXT), (V1, Mode.REFERENCE), (V1, Mode.EXTEND), ("veo-3.1", Mode.TEXT))
SECONDS = ("0.4", "3", "5", "6.5", "12", "20")
_TILE, _TALL, _COLUMNS = 200, 216, 4
_PIXELS = 0.092  # of the picture for one of a frame
_AREA = 4600.0  # square pixels of the picture for every shape: shapes are compared, not sizes


def sizes() -> str:
    """Draw exact sizes and the frames they become, to one scale."""
    tiles = []
    for model, size in SIZES:
        found = normalise(Asked(size=size), _spec(model))
        asked = parse_pixels(size)
        assert asked
        assert found.width
        assert found.height
        frames = [(asked[0] * _PIXELS, asked[1] * _PIXELS), (found.width * _PIXELS, found.height * _PIXELS)]
        tiles.append((frames, f"{size} → {found.size}", model))
    return _sheet("Sizes in pixels that were asked for, and the frames that are used", tiles)


def shapes() -> str:
    """Draw ratios and the nearest that Grok's models have, all of one area."""
    tiles = []
    for ratio in RATIOS:
        used = normalise(Asked(aspect_ratio=ratio), _spec(V1)).ratio
        distance = float(max(parse_ratio(ratio) / parse_ratio(used), parse_ratio(used) / parse_ratio(ratio)))
        fact = "has it" if used == ratio else f"{distance:.2f} times as wide or narrow"
        tiles.append(([_shaped(parse_ratio(ratio)), _shaped(parse_ratio(used))], f"{ratio} → {used}", fact))
    return _sheet("Aspect ratios that were asked for, and the nearest that the model has", tiles)


def lengths() -> str:
    """Draw lengths on a line of seconds, and those that each mode takes."""
    left, per, high = 250, 26, 74
    parts = []
    for row, (model, mode) in enumerate(LENGTHS):
        limits = _spec(model, mode).seconds
        assert limits
        y = 52 + row * high
        parts += [
            svg.text(20, y, model, anchor="start"),
            svg.text(20, y + 16, mode, colour=svg.QUIET, size=11, anchor="start"),
        ]
        parts.append(svg.path(f"M{left},{y} L{left + 20.5 * per:g},{y}", colour=svg.LINE))
        for second in limits.values or range(limits.min, limits.max + 1):
            parts.append(svg.box(left + second * per - 3, y - 3, 6, 6, fill=svg.USED, stroke="none", corner=3))
        for asked in SECONDS:
            used = normalise(Asked(seconds=asked), _spec(model, mode)).seconds
            assert used is not None
            start, end = left + float(asked) * per, left + used * per
            parts.append(svg.box(start - 1, y - 13, 2, 26, fill=svg.ASKED, stroke="none"))
            if start != end:
                bend = f"M{start:g},{y + 12} C{start:g},{y + 28} {end:g},{y + 28} {end:g},{y + 6}"
                parts.append(svg.path(bend, arrow=True))
            parts.append(svg.text(start, y - 17, asked, colour=svg.ASKED, size=11))
    parts += _legend(20, 52 + len(LENGTHS) * high - 20, "seconds asked for", "seconds that the mode takes")
    return svg.picture(
        left + 22 * per, 52 + len(LENGTHS) * high, "Lengths that were asked for, and those used", [svg.HEAD, *parts]
    )


def _spec(model: str, mode: Mode = Mode.TEXT) -> catalogue.ModeSpec:
    return catalogue.builtin().models[model].modes[mode]


def _shaped(ratio: Fraction) -> tuple[float, float]:
    height = math.sqrt(_AREA / ratio)
    return _AREA / height, height


def _sheet(title: str, tiles: list[tuple[list[tuple[float, float]], str, str]]) -> str:
    parts = []
    for number, (frames, heading, note) in enumerate(tiles):
        x, y = number % _COLUMNS * _TILE + _TILE / 2, number // _COLUMNS * _TALL + 92
        (asked, used) = frames
        parts.append(svg.box(x - used[0] / 2, y - used[1] / 2, *used, fill="#99d5cf", stroke=svg.USED, corner=2))
        parts.append(svg.box(x - asked[0] / 2, y - asked[1] / 2, *asked, fill="none", stroke=svg.ASKED, dashed=True))
        parts += [svg.text(x, y + 102, heading), svg.text(x, y + 117, note, colour=svg.QUIET, size=11)]
    height = -(-len(tiles) // _COLUMNS) * _TALL + 40
    return svg.picture(_TILE * _COLUMNS, height, title, [*parts, *_legend(20, height - 22, "asked for", "used")])


def _legend(x: float, y: float, asked: str, used: str) -> list[str]:
    return [
        svg.box(x, y - 10, 18, 12, fill="none", stroke=svg.ASKED, dashed=True),
        svg.text(x + 26, y, asked, anchor="start", colour=svg.QUIET),
        svg.box(x + 170, y - 10, 18, 12, fill="#99d5cf", stroke=svg.USED),
        svg.text(x + 196, y, used, anchor="start", colour=svg.QUIET),
    ]
