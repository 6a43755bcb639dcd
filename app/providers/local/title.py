"""What stands on every frame: the prompt as a title, and the mark that says no AI made this."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from app.providers.local.canvas import flat, from_rgba
from app.providers.local.fonts import clipped, fitting, wrapped
from app.providers.local.shapes import even

if TYPE_CHECKING:
    from app.providers.local.canvas import Layer, Rgb
    from app.providers.local.stage import Stage

_LINES = 3
_WHITE = (255, 255, 255)
_SMALLEST = 10.0  # pixels; below this a letter is a smudge


def overlay(stage: Stage, prompt: str, kicker: str, label: str, *, over_video: bool) -> list[tuple[Layer, int, int]]:
    """Return the layers (each with its left and top, in pixels) of every frame: shade, title, mark.

    The title stands at the bottom; `over_video` puts it at the top, as the video may have a title of its own.
    """
    width, height, unit, accent = stage.width, stage.height, stage.unit, stage.palette.accent
    margin = even(unit * 0.055)
    room = width - 2 * margin
    title, mark = _title(prompt, kicker, room, unit, accent), _mark(label, room, unit, accent)
    mark_left = 2 * ((width - margin - mark.width) // 2)
    shade = min(height, even(title.height + margin + unit / 3.5 + (mark.height + margin if over_video else 0)))
    if over_video:
        top, shade_top = margin + mark.height + margin // 4 * 2, 0
    else:
        top, shade_top = height - margin - title.height, height - shade
    return [
        (_shade(width, shade, upward=over_video), 0, shade_top),
        (from_rgba(_lifted(title, even(unit * 0.012))), margin - even(unit * 0.012), top - even(unit * 0.012)),
        (from_rgba(mark), mark_left, margin),
    ]


def _title(prompt: str, kicker: str, width: int, unit: int, accent: Rgb) -> Image.Image:
    """Draw the mode in small spaced capitals over the prompt in large letters."""
    big = max(_SMALLEST * 1.3, unit * 0.062)
    text, font = fitting(prompt, big)
    if font.getlength(text) > width * 1.6:
        text, font = fitting(prompt, big * 0.72)
    small = max(_SMALLEST, unit * 0.023)
    kicker_text, kicker_font = fitting(kicker.upper(), small)
    rows = wrapped(text, font, min(width, unit * 1.5), _LINES)
    leading, gap = round(font.size * 1.16), round(small * 1.9)
    image = Image.new("RGBA", (even(width), even(gap + leading * len(rows) + small * 0.4)), (*_WHITE, 0))
    draw = ImageDraw.Draw(image)
    left = 0.0
    for char in kicker_text:
        draw.text((left, 0), char, font=kicker_font, fill=(*_bytes(accent), 255))
        left += kicker_font.getlength(char) + small * 0.16
    for index, row in enumerate(rows):
        draw.text((0, gap + index * leading), row, font=font, fill=(*_WHITE, 255), stroke_width=font.size / 110)
    return image


def _lifted(text: Image.Image, reach: int) -> Image.Image:
    """Return white letters with a soft shadow of `reach` pixels around them: a window behind a letter stays behind."""
    size = text.width + 2 * reach, text.height + 2 * reach
    letters = Image.new("RGBA", size, (*_WHITE, 0))
    letters.paste(text, (reach, reach))
    shadow = Image.new("RGBA", size, (4, 4, 10, 255))
    blurred = letters.getchannel("A").filter(ImageFilter.GaussianBlur(reach / 2.5))
    shadow.putalpha(blurred.point([round(level * 0.55) for level in range(256)]))
    return Image.alpha_composite(shadow, letters)


def _mark(label: str, width: int, unit: int, accent: Rgb) -> Image.Image:
    """Draw the pill "Local preview · model · no AI" with a dot of colour."""
    size = max(_SMALLEST, unit * 0.0235)
    pad, dot = round(size * 0.8), round(size * 0.5)
    text, font = fitting(f"Local preview · {label} · no AI", size)
    room = width - 2 * pad - 2 * dot
    if font.getlength(text) > room:
        name = clipped(fitting(label, size)[0], font, room - font.getlength("Local preview ·  · no AI"))
        text = clipped(f"Local preview · {name} · no AI", font, room)
    wide, tall = even(font.getlength(text) + 2 * pad + 2 * dot), even(size * 2)
    image = Image.new("RGBA", (wide * 2, tall * 2), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((0, 0, wide * 2 - 1, tall * 2 - 1), tall, fill=(8, 8, 14, 150), outline=(*_WHITE, 60))
    draw.ellipse((pad * 2, tall - dot, (pad + dot) * 2, tall + dot), fill=(*_bytes(accent), 255))
    image = image.reduce(2)
    ImageDraw.Draw(image).text((pad + 2 * dot, tall / 2), text, font=font, fill=(*_WHITE, 235), anchor="lm")
    return image


def _shade(width: int, height: int, *, upward: bool) -> Layer:
    """Return a darkness that rises towards the edge of the frame, so that white letters can be read on anything."""
    rise = np.linspace(1, 0, height) if upward else np.linspace(0, 1, height)
    dark = (0.72 * rise * (0.55 + 0.45 * rise)).astype(np.float32)
    return flat((0.02, 0.02, 0.05), np.broadcast_to(dark[:, None], (height, width)))


def _bytes(colour: Rgb) -> tuple[int, int, int]:
    red, green, blue = (round(level * 255) for level in colour)
    return red, green, blue
