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
    timed = [spec.seconds for spec in specs if spec.seconds]
    longest = max(each.max for each in timed)
    shortest = min(each.min for each in timed)
    with_ratio = tuple(mode for mode, spec in model.modes.items() if spec.ratios)
    with_tier = tuple(mode for mode, spec in model.modes.items() if spec.resolutions)
    with_seconds = tuple(mode for mode, spec in model.modes.items() if spec.seconds)
    return [
        Parameter("prompt", "string", "renamed", modes, f"At most {model.prompt_limit} characters.", required=True),
        Parameter("size", "string", "converted", with_tier, "WIDTHxHEIGHT or W:H; beats the next two.", default=AUTO),
        Parameter("aspect_ratio", "string", "converted", with_ratio, "Shape.", default=AUTO, values=ratios),
        Parameter("resolution", "string", "converted", with_tier, "Scale.", default=AUTO, values=tiers),
        Parameter(
            "seconds",
            "number",
            "converted",
            with_seconds,
            f"Whole seconds from {shortest} to {longest}; alias duration.",
            default=timed[0].default,
        ),
        Parameter("n", "integer", "emulated", modes, f"Parallel jobs, 1 to {N_LIMIT}.", default=1),
        _media("input_reference", "image", model, (Mode.IMAGE, Mode.REFERENCE), "One image moves; several compose."),
        _media("reference_images", "image[]", model, (Mode.REFERENCE,), "Images to compose a video from."),
        _media("input_video", "video", model, (Mode.EDIT, Mode.EXTEND), "The video to change or to continue."),
        Parameter("characters", "object[]", "emulated", _in(model, (Mode.REFERENCE,)), "Sent as reference images."),
        Parameter("strict", "boolean", "emulated", modes, "Refuse values that would be converted.", default="false"),
        Parameter("anything else", "any", "passthrough", modes, "Sent to the provider as it is."),
    ]


def _media(name: str, kind: str, model: Model, wanted: tuple[Mode, ...], description: str) -> Parameter:
    modes = _in(model, wanted)
    return Parameter(name, kind, "renamed" if modes else "not available", modes, description)


def _in(model: Model, wanted: tuple[Mode, ...]) -> tuple[Mode, ...]:
    return tuple(mode for mode in wanted if mode in model.modes)
