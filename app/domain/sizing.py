"""Normalisation: what was asked of size, shape, scale and seconds → what one mode of one model can do.

One pure function, `normalise`; the rules and their numbers are those of docs/normalisation.md. All comparisons are
made on exact fractions: max(a/b, b/a) orders pairs just as |ln(a/b)| does, without rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from app.domain.formats import (
    AUTO,
    SIZE_FORMS,
    frame_size,
    given,
    parse_pixels,
    parse_ratio,
    parse_seconds,
    parse_tier,
)
from app.domain.free_size import clamp, stepped
from app.domain.strictness import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.domain.catalogue import FreeSize, ModeSpec

_USUAL_SHAPE = Fraction(16, 9)  # stands in where the frame takes its shape from the input


@dataclass(frozen=True, slots=True)
class ParameterWarning:
    """One thing that was not done exactly as asked, or cannot be priced; part of the public video object."""

    param: str
    code: Literal["converted", "ignored", "emulated", "unpriced", "unknown", "budget_exceeded"]
    requested: str
    used: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The client's own values, as text; None where nothing was said.

    `seconds_param` is the name that `seconds` came under; `duration` is set where `seconds` beat it. `literals` are the
    values as they came, for models that the catalogue does not know.
    """

    size: str | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    seconds: str | None = None
    seconds_param: str = "seconds"
    duration: str | None = None
    literals: Mapping[str, str | float] = field(default_factory=dict, compare=False)


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
    """What was asked of the frame, parsed; None where nothing was asked. `pixels` beat `tier`."""

    shape: Fraction | None
    shape_param: str
    shape_text: str
    tier: str | None
    pixels: tuple[int, int] | None
    ignored: tuple[ParameterWarning, ...]


def normalise(asked: Asked, spec: ModeSpec, *, strict: bool = False) -> Normalised:
    """Map `asked` onto the nearest combination that `spec` supports, and say what had to change.

    Raises GatewayError: invalid_value for a malformed value; unsupported_value, with `strict`, instead of converting or
    ignoring.
    """
    frame = _parse_frame(replace(asked, resolution=_tier_named(asked.resolution, spec)))
    if spec.verbatim:
        found = _given_frame(frame)
    else:
        found = _free_frame(frame, spec, spec.free_size) if spec.free_size else _listed_frame(frame, spec)
    seconds, about_seconds = _nearest_seconds(asked, spec)
    if strict:
        refuse((*found.warnings, *about_seconds), spec)
    warnings = (*found.warnings, *frame.ignored, *_beaten_duration(asked), *about_seconds)
    return Normalised(found.ratio, found.resolution, found.width, found.height, seconds, warnings)


def _tier_named(resolution: str | None, spec: ModeSpec) -> str | None:
    """Return the tier that a resolution is the provider's own word for ("4k" for 2160p), else what was asked."""
    names = {spec.wire.resolution_values.get(tier, tier).lower(): tier for tier in spec.resolutions}
    return names.get((given(resolution) or "").lower(), resolution)


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
    overruled = [_overruled(param, value, f"size {size}") for param, value in beaten if value is not None]
    return _Frame(shape, "size", size, tier, pixels, tuple(overruled))


@dataclass(frozen=True, slots=True)
class _Found:
    ratio: str
    resolution: str
    width: int | None
    height: int | None
    warnings: tuple[ParameterWarning, ...]


def _listed_frame(frame: _Frame, spec: ModeSpec) -> _Found:
    """Choose among listed ratios and tiers (rules 2, 3, 7 and 9)."""
    ratio, resolution = _choose(frame, spec)
    known = AUTO not in (ratio, resolution)
    width, height = frame_size(resolution, parse_ratio(ratio)) if known else (None, None)
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


def _choose(frame: _Frame, spec: ModeSpec) -> tuple[str, str]:
    """Return the ratio nearest to what was asked, and the tier nearest at that ratio.

    Among equals the cheaper wins; after that the first listed, which is what min() keeps.
    """
    if frame.shape is None or not spec.ratios:
        shape = (frame.shape or _USUAL_SHAPE) if spec.default_ratio == AUTO else parse_ratio(spec.default_ratio)
        return spec.default_ratio, _nearest_tier(frame, shape, spec)
    asked = frame.shape

    def cost(choice: tuple[str, str]) -> tuple[Fraction, float]:
        return _distance(asked, parse_ratio(choice[0])), _price(choice[1], spec)

    return min(((ratio, _nearest_tier(frame, parse_ratio(ratio), spec)) for ratio in spec.ratios), key=cost)


def _nearest_tier(frame: _Frame, shape: Fraction, spec: ModeSpec) -> str:
    area = _area(frame, shape)
    if not spec.resolutions:
        return AUTO
    if area is None:
        return spec.default_resolution

    def cost(tier: str) -> tuple[Fraction, float]:
        width, height = frame_size(tier, shape)
        return _distance(area, Fraction(width * height)), _price(tier, spec)

    return min(spec.resolutions, key=cost)


def _price(tier: str, spec: ModeSpec) -> float:
    return spec.price.per_second(tier) if spec.price else 0.0


def _free_frame(frame: _Frame, spec: ModeSpec, limits: FreeSize) -> _Found:
    """Take the asked dimensions, clamped to the model's limits with the ratio kept (rule 5)."""
    default = _USUAL_SHAPE if spec.default_ratio == AUTO else parse_ratio(spec.default_ratio)
    asked = frame.pixels or frame_size(frame.tier or spec.default_resolution, frame.shape or default)
    width, height = clamp(asked, limits)
    used = f"{width}x{height}"
    warnings: list[ParameterWarning] = []
    if frame.pixels and (width, height) != asked:
        warnings.append(_converted("size", frame.shape_text, used))
    elif not frame.pixels and (width, height) != stepped(asked, limits.multiple):  # steps alone need no word
        if frame.tier is not None:
            warnings.append(_converted("resolution", frame.tier, used))
        elif frame.shape is not None:
            warnings.append(_converted(frame.shape_param, frame.shape_text, used))
    return _Found(f"{width}:{height}", AUTO, width, height, tuple(warnings))


def _given_frame(frame: _Frame) -> _Found:
    """Take what was asked in the words it came in; a size in pixels has no usual name and becomes ratio and tier."""
    if frame.pixels is None or frame.shape is None:
        return _Found(AUTO if frame.shape is None else frame.shape_text, frame.tier or AUTO, None, None, ())
    ratio, tier = f"{frame.shape.numerator}:{frame.shape.denominator}", f"{min(frame.pixels)}p"
    message = f"size {frame.shape_text} sent as aspect_ratio {ratio} and resolution {tier}."
    about = ParameterWarning("size", "emulated", frame.shape_text, f"{ratio} {tier}", message)
    return _Found(ratio, tier, None, None, (about,))


def _nearest_seconds(asked: Asked, spec: ModeSpec) -> tuple[int | None, list[ParameterWarning]]:
    offered = spec.seconds
    text = given(asked.seconds)
    wanted = None if text is None else parse_seconds(text, asked.seconds_param)
    if offered is None:
        return None, [] if text is None else [_ignored(asked.seconds_param, text)]
    if wanted is None or text is None:
        return None if spec.verbatim else offered.default, []
    used = offered.nearest(wanted)
    return used, [] if used == wanted else [_converted(asked.seconds_param, text, str(used))]


def _beaten_duration(asked: Asked) -> list[ParameterWarning]:
    text, beaten = given(asked.seconds), given(asked.duration)
    if text is None or beaten is None:
        return []
    same = parse_seconds(beaten, "duration") == parse_seconds(text, asked.seconds_param)
    return [] if same else [_overruled("duration", beaten, f"seconds {text}")]


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


def _distance(a: Fraction, b: Fraction) -> Fraction:
    return max(a / b, b / a)


def _converted(param: str, requested: str, used: str) -> ParameterWarning:
    return ParameterWarning(
        param, "converted", requested, used, f"{param} {requested} is not offered by this model; used {used}."
    )


def _ignored(param: str, requested: str) -> ParameterWarning:
    return ParameterWarning(
        param, "ignored", requested, None, f"{param} cannot be chosen in this mode of this model; {requested} ignored."
    )


def _overruled(param: str, requested: str, winner: str) -> ParameterWarning:
    message = f"{param} {requested} ignored: {winner} takes precedence."
    return ParameterWarning(param, "ignored", requested, None, message)
