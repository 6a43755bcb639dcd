"""The words clients use for size, shape, scale and seconds, and what they mean as exact numbers."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from math import ceil, isqrt

from app.domain.errors import invalid

AUTO = "auto"
SIZE_FORMS = 'use "WIDTHxHEIGHT" such as "1280x720", a ratio such as "16:9", or "auto"'
RATIO_FORMS = 'use "W:H" such as "16:9", or "auto"'
RESOLUTION_FORMS = 'use "480p", "720p" or "1080p", "1K", "2K" or "4K", megapixels such as 0.25 or 1, or "auto"'
SECONDS_FORMS = 'use a positive number of seconds such as 6, "6" or "6s"'

_MEGAPIXEL = 1024 * 1024
_NUMBER = r"[0-9]{1,20}(?:\.[0-9]{1,9})?"  # bounded, as it is repeated in warnings
_PIXELS = re.compile(r"([0-9]{1,20})\s?[xX]\s?([0-9]{1,20})")
_RATIO = re.compile(rf"({_NUMBER}):({_NUMBER})")
_TIER = re.compile(rf"({_NUMBER})\s?([pPkK]?)")
_SECONDS = re.compile(rf"({_NUMBER})\s?[sS]?")


_KNOWN = 1024  # forms whose meaning is kept: the same few are worked out for every request, and none of them is long
_LEAST_SHORT_SIDE = 100  # pixels; smaller bare numbers are megapixels


def given(text: str | None) -> str | None:
    """Strip; "auto" says nothing more than silence does."""
    text = text.strip() if text is not None else None
    return None if text is None or text.lower() == AUTO else text


def parse_pixels(text: str) -> tuple[int, int] | None:
    """Turn "1280x720" into (1280, 720), or return None where it is no such thing; zero sides are refused."""
    match = _PIXELS.fullmatch(text)
    if match is None:
        return None
    sides = int(match[1]), int(match[2])
    if 0 in sides:
        raise invalid("size", f"Invalid size {text[:100]!r}: both sides must be positive; {SIZE_FORMS}.")
    return sides


@lru_cache(_KNOWN)
def parse_ratio(text: str, param: str = "aspect_ratio", forms: str = RATIO_FORMS) -> Fraction:
    """Turn "16:9" or "1.85:1" into a fraction; raises GatewayError invalid_value for anything else."""
    match = _RATIO.fullmatch(text)
    if match is None or not Fraction(match[1]) or not Fraction(match[2]):
        raise invalid(param, f"Invalid {param} {text[:100]!r}: {forms}.")
    return Fraction(match[1]) / Fraction(match[2])


@lru_cache(_KNOWN)
def parse_tier(text: str) -> tuple[Fraction, str]:
    """Return (short side in pixels, "p") for `Np`, (area in pixels, "") for `xK` and megapixels.

    A bare number of 100 or more means `Np`: people write 720, and nobody makes frames of 720 megapixels.
    Raises GatewayError invalid_value for anything else.
    """
    match = _TIER.fullmatch(text)
    unit = match[2].lower() if match else ""
    amount = Fraction(match[1]) if match else Fraction(0)
    if not unit and amount >= _LEAST_SHORT_SIDE:
        unit = "p"
    if amount <= 0 or (unit == "p" and amount.denominator != 1):
        raise invalid("resolution", f"Invalid resolution {text[:100]!r}: {RESOLUTION_FORMS}.")
    if unit == "p":
        return amount, unit
    return (amount * 1024) ** 2 if unit == "k" else amount * _MEGAPIXEL, ""


def parse_seconds(text: str, param: str) -> Fraction:
    """Turn "6", "6.5" or "6s" into seconds; raises GatewayError invalid_value for anything else, zero included."""
    match = _SECONDS.fullmatch(text)
    seconds = Fraction(match[1]) if match else Fraction(0)
    if seconds <= 0:
        raise invalid(param, f"Invalid {param} {text[:100]!r}: {SECONDS_FORMS}.")
    return seconds


@lru_cache(_KNOWN)
def frame_size(tier: str, ratio: Fraction) -> tuple[int, int]:
    """Return (width, height) in pixels of a tier at a ratio.

    `Np` has the short side N and an even long side; `xK` and megapixels give the numbers that Lumenfall advertises.
    """
    amount, unit = parse_tier(tier)
    if unit == "p":
        short, long = int(amount), 2 * half_up(amount * max(ratio, 1 / ratio) / 2)
        return (long, short) if ratio >= 1 else (short, long)
    height = max(1, (isqrt(int(4 * amount / ratio)) + 1) // 2)  # the root rounded half up: floor(2·root) is exact
    return max(1, half_up(height * ratio)), height


def half_up(value: Fraction) -> int:
    """Round to the nearest whole number, halves up (Python's own round() goes to even)."""
    return int(value + Fraction(1, 2))


def half_down(value: Fraction) -> int:
    """Round to the nearest whole number, halves down: the smaller is the cheaper."""
    return ceil(value - Fraction(1, 2))
