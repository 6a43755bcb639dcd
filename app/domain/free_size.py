"""Frames of models with free dimensions: the asked one, moved as little as the model's limits demand."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt
from typing import TYPE_CHECKING

from app.domain.formats import half_down

if TYPE_CHECKING:
    from app.domain.catalogue import FreeSize


def clamp(asked: tuple[int, int], limits: FreeSize) -> tuple[int, int]:
    """Return the frame within `limits` that keeps the ratio of `asked` and is nearest to it in size.

    Sides are counted in steps of the model's multiple; ties go to the smaller frame. A ratio too extreme for the limits
    is the only one that is not kept.
    """
    slope, step = _slope(asked), limits.multiple
    least, most, area = limits.steps
    wanted = min(Fraction(max(asked), step), Fraction(isqrt(int(area * slope))))
    wanted = max(wanted, least * slope)
    long = max(least, min(half_down(wanted), most, area // least))
    short = max(least, min(half_down(long / slope), long, area // long))
    return _turn(asked, long * step, short * step)


def stepped(asked: tuple[int, int], step: int) -> tuple[int, int]:
    """Return `asked` as `clamp` would round it if there were no limits."""
    long = half_down(Fraction(max(asked), step))
    return _turn(asked, long * step, half_down(long / _slope(asked)) * step)


def _slope(frame: tuple[int, int]) -> Fraction:
    return Fraction(max(frame), min(frame))


def _turn(asked: tuple[int, int], long: int, short: int) -> tuple[int, int]:
    return (long, short) if asked[0] >= asked[1] else (short, long)
