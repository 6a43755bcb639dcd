"""The shape of a video made from an image, at endpoints that do not take it from the image by themselves."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from app.domain.formats import AUTO, parse_ratio
from app.domain.sizing import ParameterWarning, normalise

if TYPE_CHECKING:
    from app.domain.catalogue import ModeSpec
    from app.domain.sizing import Asked, Normalised


def normalise_for(frame: tuple[int, int], asked: Asked, spec: ModeSpec, *, strict: bool = False) -> Normalised:
    """Do as `normalise` does; where the shape is left open, and the endpoint would not keep the image's, choose it.

    `frame` is the image's width and height in pixels, zeros while they are not known. Raises GatewayError.
    """
    sized = normalise(asked, spec, strict=strict)
    bare = spec.wire.bare_ratio
    if sized.ratio != AUTO or bare is None or not spec.ratios:
        return sized
    if not all(frame):
        chosen = normalise(replace(asked, aspect_ratio=bare), spec, strict=strict)
        message = f"the image's shape is not known here, and this provider does not keep it; used {bare}."
        return _with(chosen, ParameterWarning("aspect_ratio", "emulated", AUTO, bare, message))
    shape = Fraction(*frame)

    def distance(ratio: str) -> Fraction:
        other = parse_ratio(ratio)
        return max(shape / other, other / shape)

    ratio = min(spec.ratios, key=distance)
    chosen = normalise(replace(asked, aspect_ratio=ratio), spec, strict=strict)
    if parse_ratio(ratio) == shape:
        return chosen
    message = f"this provider does not keep the image's shape ({frame[0]}x{frame[1]}); used {ratio}, the nearest."
    return _with(chosen, ParameterWarning("aspect_ratio", "emulated", AUTO, ratio, message))


def _with(sized: Normalised, warning: ParameterWarning) -> Normalised:
    return replace(sized, warnings=(*sized.warnings, warning))
