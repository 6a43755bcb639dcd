"""`strict`: a refusal, which names what is supported, instead of another value than was asked or none at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.domain.errors import GatewayError
from app.domain.formats import frame_size, parse_ratio

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.domain.modes import ModeSpec
    from app.domain.sizing import ParameterWarning


def refuse(warnings: Iterable[ParameterWarning], spec: ModeSpec) -> None:
    """Raise GatewayError unsupported_value for the first thing that would not be done as asked."""
    for warning in warnings:
        if warning.code == "converted":
            words = f"is not supported and strict is true. Nearest: {warning.used!r}. {_supported(warning, spec)}"
        elif warning.code == "ignored":
            words = "cannot be chosen in this mode of this model, and strict is true."
        else:
            continue
        message = f"{warning.param} {warning.requested!r} {words}"
        raise GatewayError("unsupported_value", message, param=warning.param)


def _supported(warning: ParameterWarning, spec: ModeSpec) -> str:
    """Name every supported value, for a message."""
    if warning.param in ("seconds", "duration") and spec.seconds:
        return f"Supported: {spec.seconds.words}."
    if spec.free_size:
        free = spec.free_size
        sides = f"sides of {free.min_side} to {free.max_side} pixels in steps of {free.multiple}"
        return f"Supported: {sides}, at most {free.max_pixels} pixels in all."
    values = spec.resolutions if warning.param == "resolution" or not spec.ratios else spec.ratios
    if warning.param == "size" and ":" not in warning.requested and spec.ratios and spec.resolutions:
        frames = [frame_size(tier, parse_ratio(ratio)) for tier in spec.resolutions for ratio in spec.ratios]
        values = tuple(f"{width}x{height}" for width, height in frames)
    return f"Supported: {', '.join(values)}."
