"""Find a typeface that can show a text, and break the text into lines that fit."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from PIL import ImageFont

_READ_AT_MOST = 600  # characters of a prompt; three lines never hold more
_INSTALLED = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "NotoSansCJKjp-Regular.otf")
_PLAIN = str.maketrans({"–": "-", "—": "-", "‑": "-", "−": "-", "\u00a0": " "})  # noqa: RUF001 - that is the point
_NO_GLYPH = "\uffff"
ELLIPSIS = "…"

Font = ImageFont.FreeTypeFont


def fitting(text: str, size: float) -> tuple[str, Font]:
    """Return `text` as one clean line, and the typeface at `size` pixels that shows most of it.

    Pillow's own typeface has Latin only; others are used where the system has them. What none can show loses its
    accents, and what is still unknown (an emoji, say) is left out: an empty box says nothing.
    """
    clean = " ".join(text[:_READ_AT_MOST].translate(_PLAIN).split())
    clean = "".join(char for char in clean if unicodedata.category(char)[0] != "C")
    fonts = [font for name in ("", *_INSTALLED) if (font := _load(name, size)) is not None]
    font = max(fonts, key=lambda each: sum(_shows(each, char) for char in clean))
    shown = (char if _shows(font, char) else _unaccented(font, char) for char in clean)
    return " ".join("".join(shown).split()), font


def wrapped(text: str, font: Font, width: float, lines: int) -> list[str]:
    """Break `text` into at most `lines` lines of `width` pixels; what is left over becomes an ellipsis."""
    rows: list[str] = []
    rest = text
    while rest and len(rows) < lines:
        row = _fill(rest, font, width)
        rest = rest[len(row) :].strip()
        rows.append(row.strip())
    if rest and rows:
        rows[-1] = clipped(f"{rows[-1]} {rest}", font, width)
    return rows


def clipped(text: str, font: Font, width: float) -> str:
    """Return `text`, shortened with an ellipsis where it is wider than `width` pixels."""
    if font.getlength(text) <= width:
        return text
    keep = len(text)
    while keep and font.getlength(text[:keep].rstrip() + ELLIPSIS) > width:
        keep -= 1
    return text[:keep].rstrip(" ,.;:-") + ELLIPSIS


def _fill(text: str, font: Font, width: float) -> str:
    """Return the longest start of `text` that fits, cut between words where there is a space."""
    end = len(text)
    if font.getlength(text) > width:
        end = 1
        while end < len(text) and font.getlength(text[: end + 1]) <= width:
            end += 1
        space = text.rfind(" ", 0, end + 1)
        end = space if space > 0 else end
    return text[:end]


@lru_cache
def _load(name: str, size: float) -> Font | None:
    try:
        font = ImageFont.truetype(name, size) if name else ImageFont.load_default(size)
    except OSError:
        return None
    return font if isinstance(font, Font) else None


@lru_cache(maxsize=4096)
def _shows(font: Font, char: str) -> bool:
    return char == " " or bytes(font.getmask(char)) != bytes(font.getmask(_NO_GLYPH))


def _unaccented(font: Font, char: str) -> str:
    return "".join(part for part in unicodedata.normalize("NFKD", char) if _shows(font, part) and part.isprintable())
