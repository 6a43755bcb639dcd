"""Each request parameter of a model: its type, its values, and what the gateway does with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from app.domain.catalogue import Mode
from app.domain.formats import AUTO
from app.domain.requests import N_LIMIT

if TYPE_CHECKING:
    from app.domain.catalogue import Model

Handling: TypeAlias = Literal["passthrough", "renamed", "converted", "emulated", "not available"]

_STRICT = "Refuse values that would be converted or ignored, and fields that are probably misspelt."


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. `modes` are those it works in; `values` is empty where any value of the type will do."""

    name: str
    type: str
    handling: Handling
    modes: tuple[Mode, ...]
    description: str
    required: bool = False
    default: str | int | None = None
    values: tuple[str, ...] = ()


def parameters(model: Model) -> list[Parameter]:
    """Describe every parameter of a model."""
    modes = tuple(model.modes)
    specs = list(model.modes.values())
    ratios = tuple(dict.fromkeys(ratio for spec in specs for ratio in spec.ratios))
    tiers = tuple(dict.fromkeys(tier for spec in specs for tier in spec.resolutions))
    shaped = tuple(mode for mode, spec in model.modes.items() if spec.ratios or spec.free_size)
    scaled = tuple(mode for mode, spec in model.modes.items() if spec.resolutions or spec.free_size)
    sized = tuple(mode for mode in modes if mode in shaped or mode in scaled)
    return [
        Parameter("prompt", "string", "renamed", modes, f"At most {model.prompt_limit} characters.", required=True),
        _converted("size", sized, "WIDTHxHEIGHT or W:H; beats the next two.", ()),
        _converted("aspect_ratio", shaped, "Shape.", ratios),
        _converted("resolution", scaled, "Scale.", tiers),
        _seconds(model),
        Parameter("n", "integer", "emulated", modes, f"Parallel jobs, 1 to {N_LIMIT}.", default=1),
        _media("input_reference", "image", model, (Mode.IMAGE, Mode.REFERENCE), "One image moves; several compose."),
        _media("reference_images", "image[]", model, (Mode.REFERENCE,), "Images to compose a video from."),
        _media("input_video", "video", model, (Mode.EDIT, Mode.EXTEND), "The video to change or to continue."),
        _media("characters", "object[]", model, (Mode.REFERENCE,), "Sent as reference images.", "emulated"),
        Parameter("strict", "boolean", "emulated", modes, _STRICT, default="false"),
        Parameter("anything else", "any", "passthrough", modes, "Sent to the provider as it is."),
    ]


def _converted(name: str, modes: tuple[Mode, ...], description: str, values: tuple[str, ...]) -> Parameter:
    if not modes:
        return Parameter(name, "string", "not available", modes, description)
    return Parameter(name, "string", "converted", modes, description, default=AUTO, values=values)


def _seconds(model: Model) -> Parameter:
    timed = {mode: spec.seconds for mode, spec in model.modes.items() if spec.seconds}
    if not timed:
        return Parameter("seconds", "number", "not available", (), "The length follows from the input.")
    ranges = list(timed.values())
    shortest, longest = min(each.min for each in ranges), max(each.max for each in ranges)
    description = f"Whole seconds from {shortest} to {longest}; alias duration."
    listed = sorted({value for each in ranges for value in each.values}) if all(each.values for each in ranges) else []
    return Parameter(
        "seconds",
        "number",
        "converted",
        tuple(timed),
        description,
        default=ranges[0].default,
        values=tuple(map(str, listed)),
    )


def _media(
    name: str,
    kind: str,
    model: Model,
    wanted: tuple[Mode, ...],
    description: str,
    handling: Handling = "renamed",
) -> Parameter:
    modes = tuple(mode for mode in wanted if mode in model.modes)
    return Parameter(name, kind, handling if modes else "not available", modes, description)
