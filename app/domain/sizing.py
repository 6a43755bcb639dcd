"""Normalisation: what was asked of size, shape, scale and seconds → what one mode of one model can do.

One pure function, `normalise`; the rules and their numbers are those of docs/normalisation.md. All comparisons are
made on exact fractions: max(a/b, b/a) orders pairs just as |ln(a/b)| does, without rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import TYPE_CHECKING, Literal

from app.domain.errors import GatewayError
from app.domain.formats import (
    AUTO,
    SIZE_FORMS,
    frame_size,
    given,
    half_up,
    parse_pixels,
    parse_ratio,
    parse_seconds,
    parse_tier,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.domain.catalogue import FreeSize, ModeSpec, SecondsRange

_USUAL_SHAPE = Fraction(16, 9)  # stands in where the frame takes its shape from the input


@dataclass(frozen=True, slots=True)
class ParameterWarning:
    """One thing that was not done exactly as asked; part of the public video object."""

    param: str
    code: Literal["converted", "ignored", "emulated"]
    requested: str
    used: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The client's own values, as text; None where nothing was said."""

    size: str | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    seconds: str | None = None
    seconds_param: str = "seconds"


@dataclass(frozen=True, slots=True)
class Normalised:
    """One supported combination. `ratio` and `resolution` may be "auto"; then the frame is not known yet (None).

    `width` and `height` are pixels; `seconds` is None where the mode takes none.
    """

    ratio: str
    resolution: str
    width: int | None
    height: int | None
    seconds: int | None
    warnings: tuple[ParameterWarning, ...]

    @property
    def size(self) -> str:
        """The frame as "WxH", or "auto" while unknown."""
        return AUTO if self.width is None else f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class _Frame:
    """What was asked of the frame, parsed: `shape` and `area` (pixels) are None where nothing was asked."""

    shape: Fraction | None
    shape_param: str
    shape_text: str
    tier: str | None
    pixels: tuple[int, int] | None
    ignored: tuple[ParameterWarning, ...]


def normalise(asked: Asked, spec: ModeSpec, *, strict: bool = False) -> Normalised:
    """Map `asked` onto the nearest combination that `spec` supports, and say what had to change.

    Raises GatewayError: invalid_value for a malformed value; unsupported_value, with `strict`, instead of converting.
    """
    frame = _parse_frame(asked)
    found = _free_frame(frame, spec, spec.free_size) if spec.free_size else _listed_frame(frame, spec)
    seconds, about_seconds = _nearest_seconds(asked, spec.seconds)
    warnings = (*found.warnings, *frame.ignored, *about_seconds)
    if strict:
        _refuse_conversions(warnings, spec)
    return Normalised(found.ratio, found.resolution, found.width, found.height, seconds, warnings)


def _parse_frame(asked: Asked) -> _Frame:
    """Apply the precedence of rule 1: a size in pixels beats everything, a ratio in size beats aspect_ratio."""
    size, aspect, tier = given(asked.size), given(asked.aspect_ratio), given(asked.resolution)
    shape = None if aspect is None else parse_ratio(aspect)
    if tier is not None:
        parse_tier(tier)
    if size is None:
        return _Frame(shape, "aspect_ratio", aspect or AUTO, tier, None, ())
    pixels = parse_pixels(size)
    shape = Fraction(*pixels) if pixels else parse_ratio(size, "size", SIZE_FORMS)
    beaten = [("aspect_ratio", aspect), ("resolution", tier if pixels else None)]
    overruled = [_overruled(param, value, size) for param, value in beaten if value is not None]
    return _Frame(shape, "size", size, None if pixels else tier, pixels, tuple(overruled))


@dataclass(frozen=True, slots=True)
class _Found:
    ratio: str
    resolution: str
    width: int | None
    height: int | None
    warnings: tuple[ParameterWarning, ...]


def _listed_frame(frame: _Frame, spec: ModeSpec) -> _Found:
    """Choose among listed ratios and tiers (rules 2, 3, 7 and 9)."""
    ratio = spec.default_ratio
    if frame.shape is not None and spec.ratios:
        ratio = min(spec.ratios, key=lambda text: _distance(frame.shape, parse_ratio(text)))
    shape = parse_ratio(ratio) if ratio != AUTO else (frame.shape or _USUAL_SHAPE)
    resolution = _nearest_tier(_area(frame, shape), shape, spec)
    known = AUTO not in (ratio, resolution)
    width, height = frame_size(resolution, shape) if known else (None, None)
    warnings: list[ParameterWarning] = []
    if frame.pixels:
        used = f"{width}x{height}" if known else (ratio if resolution == AUTO else resolution)
        if not spec.ratios and not spec.resolutions:
            warnings.append(_ignored("size", frame.shape_text))
        elif (width, height) != frame.pixels:
            warnings.append(_converted("size", frame.shape_text, used))
    else:
        if frame.shape is not None and not spec.ratios:
            warnings.append(_ignored(frame.shape_param, frame.shape_text))
        elif frame.shape is not None and parse_ratio(ratio) != frame.shape:
            warnings.append(_converted(frame.shape_param, frame.shape_text, ratio))
        if frame.tier is not None and not spec.resolutions:
            warnings.append(_ignored("resolution", frame.tier))
        elif frame.tier is not None and parse_tier(frame.tier) != parse_tier(resolution):
            warnings.append(_converted("resolution", frame.tier, resolution))
    return _Found(ratio, resolution, width, height, tuple(warnings))


def _nearest_tier(area: Fraction | None, shape: Fraction, spec: ModeSpec) -> str:
    if not spec.resolutions:
        return AUTO
    if area is None:
        return spec.default_resolution
    prices = spec.price.second if spec.price else {}

    def cost(tier: str) -> tuple[Fraction, float]:
        width, height = frame_size(tier, shape)
        return _distance(area, Fraction(width * height)), prices.get(tier, 0.0)

    return min(spec.resolutions, key=cost)  # min keeps the first listed among equals


def _free_frame(frame: _Frame, spec: ModeSpec, limits: FreeSize) -> _Found:
    """Take the asked dimensions, clamped to the model's limits with the ratio kept (rule 5)."""
    default = parse_ratio(spec.default_ratio) if spec.default_ratio != AUTO else _USUAL_SHAPE
    shape = frame.shape or default
    asked = frame.pixels or frame_size(frame.tier or spec.default_resolution, shape)
    width, height = _clamp(asked, limits)
    used = f"{width}x{height}"
    changed = (width, height) != asked
    param, requested = "size", f"{asked[0]}x{asked[1]}"
    if not frame.pixels and frame.tier is not None:
        param, requested = "resolution", frame.tier
    elif not frame.pixels:
        param, requested = frame.shape_param, frame.shape_text
    said = frame.pixels or frame.tier is not None or frame.shape is not None
    warnings = (_converted(param, requested, used),) if changed and said else ()
    return _Found(f"{width}:{height}", AUTO, width, height, warnings)


def _clamp(asked: tuple[int, int], limits: FreeSize) -> tuple[int, int]:
    ratio = Fraction(*asked)
    longest = min(
        Fraction(limits.max_side),
        Fraction(isqrt(int(limits.max_pixels * max(ratio, 1 / ratio)))),
        Fraction(max(asked)),
    )
    longest = max(longest, min(Fraction(limits.max_side), limits.min_side * max(ratio, 1 / ratio)))
    long = max(limits.min_side, int(longest) // limits.multiple * limits.multiple)
    exact = long / max(ratio, 1 / ratio)
    short = max(limits.min_side, min(long, half_up(exact / limits.multiple) * limits.multiple))
    while long * short > limits.max_pixels and short > limits.min_side:
        short -= limits.multiple
    return (long, short) if ratio >= 1 else (short, long)


def _nearest_seconds(asked: Asked, offered: SecondsRange | None) -> tuple[int | None, list[ParameterWarning]]:
    text = given(asked.seconds)
    wanted = None if text is None else parse_seconds(text, asked.seconds_param)
    if offered is None:
        return None, [] if text is None else [_ignored(asked.seconds_param, text)]
    if wanted is None or text is None:
        return offered.default, []
    down = wanted.numerator // wanted.denominator
    nearest = down if wanted - down <= Fraction(1, 2) else down + 1  # a tie goes to the cheaper, shorter one
    used = max(offered.min, min(offered.max, nearest))
    return used, [] if used == wanted else [_converted(asked.seconds_param, text, str(used))]


def _refuse_conversions(warnings: Iterable[ParameterWarning], spec: ModeSpec) -> None:
    for warning in warnings:
        if warning.code != "converted":
            continue
        raise GatewayError(
            "unsupported_value",
            f"{warning.param} {warning.requested!r} is not supported and strict is true. "
            f"Nearest: {warning.used!r}. {_supported(warning.param, spec)}",
            param=warning.param,
        )


def _supported(param: str, spec: ModeSpec) -> str:
    """Name every supported value, for a message."""
    if param in ("seconds", "duration") and spec.seconds:
        return f"Supported: whole seconds from {spec.seconds.min} to {spec.seconds.max}."
    if spec.free_size:
        free = spec.free_size
        return f"Supported: sides of {free.min_side} to {free.max_side} pixels in steps of {free.multiple}."
    if param == "size" and spec.ratios and spec.resolutions:
        shapes = [frame_size(tier, parse_ratio(ratio)) for tier in spec.resolutions for ratio in spec.ratios]
        return f"Supported: {', '.join(f'{width}x{height}' for width, height in shapes)}."
    values = spec.resolutions if param == "resolution" or not spec.ratios else spec.ratios
    return f"Supported: {', '.join(values)}."


def _area(frame: _Frame, shape: Fraction) -> Fraction | None:
    """Return the asked area in pixels at the chosen shape (rule 3), or None when no scale was asked."""
    if frame.pixels:
        return Fraction(frame.pixels[0] * frame.pixels[1])
    if frame.tier is None:
        return None
    amount, unit = parse_tier(frame.tier)
    if unit != "p":
        return amount
    width, height = frame_size(frame.tier, shape)
    return Fraction(width * height)


def _distance(a: Fraction | None, b: Fraction) -> Fraction:
    if a is None:
        return Fraction(0)
    return max(a / b, b / a)


def _converted(param: str, requested: str, used: str) -> ParameterWarning:
    return ParameterWarning(
        param, "converted", requested, used, f"{param} {requested} is not offered by this model; used {used}."
    )


def _ignored(param: str, requested: str) -> ParameterWarning:
    return ParameterWarning(
        param, "ignored", requested, None, f"{param} cannot be chosen in this mode of this model; {requested} ignored."
    )


def _overruled(param: str, requested: str, size: str) -> ParameterWarning:
    return ParameterWarning(
        param, "ignored", requested, None, f"{param} {requested} ignored: size {size} takes precedence."
    )
