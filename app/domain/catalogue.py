"""The catalogue: which models exist, what each mode of them takes, who offers them and for how much.

The data is `catalogue.toml` beside this file; this module gives it types and answers questions about it.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from importlib import resources
from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from app.domain.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCAL = "local"  # the provider that serves every mode of every model for nothing


class Mode(StrEnum):
    """What is asked for; each mode is its own endpoint upstream."""

    TEXT = "text-to-video"
    IMAGE = "image-to-video"
    REFERENCE = "reference-to-video"
    EDIT = "edit"
    EXTEND = "extend"


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class SecondsRange(_Data):
    """Whole seconds from `min` to `max`, both included."""

    min: int
    max: int
    default: int


class ImageLimits(_Data):
    """How many input images a mode takes."""

    max: int


class VideoLimits(_Data):
    """What an input video may be, in seconds; `max_total_seconds` counts source and tail together."""

    min_seconds: float = 0
    max_seconds: float
    max_total_seconds: float | None = None


class FreeSize(_Data):
    """Frame sizes of a model that takes any: limits in pixels, sides rounded to `multiple`."""

    min_side: int
    max_side: int
    max_pixels: int
    multiple: int


class Price(_Data):
    """US dollars per second of output by resolution, per input image, and per second of input video."""

    second: dict[str, float] = Field(default_factory=dict)
    image: float = 0
    input_second: float = 0


class ModeSpec(_Data):
    """What may be chosen in one mode, and the defaults. An empty tuple means: cannot be chosen here."""

    ratios: tuple[str, ...] = ()
    default_ratio: str = "auto"
    resolutions: tuple[str, ...] = ()
    default_resolution: str = "auto"
    seconds: SecondsRange | None = None
    images: ImageLimits = ImageLimits(max=0)
    video: VideoLimits | None = None
    free_size: FreeSize | None = None
    price: Price | None = None
    endpoint: str = ""

    @model_validator(mode="after")
    def _defaults_are_offered(self) -> ModeSpec:
        if self.default_ratio not in (*self.ratios, "auto"):
            raise ValueError(f"default_ratio {self.default_ratio!r} is not among ratios")
        if self.resolutions and self.default_resolution not in (*self.resolutions, "auto"):
            raise ValueError(f"default_resolution {self.default_resolution!r} is not among resolutions")
        return self


class Offering(_Data):
    """A model at one provider."""

    provider: str
    model: str
    modes: dict[Mode, ModeSpec]


def _noon(value: object) -> object:
    if isinstance(value, date):
        return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp())
    return value


_Table: TypeAlias = dict[str, object]


class _OfferingToml(_Data):
    price: _Table = Field(default_factory=dict)
    modes: dict[Mode, _Table]


class _ModelToml(BaseModel):
    model_config = ConfigDict(extra="allow")
    modes: dict[Mode, _Table]
    offerings: dict[str, _OfferingToml] = Field(default_factory=dict)


class _CatalogueToml(_Data):
    aliases: dict[str, str] = Field(default_factory=dict)
    models: dict[str, _ModelToml]


class Model(_Data):
    """A public model id and what it can do; `created` is unix seconds, `prompt_limit` characters."""

    id: str
    name: str
    owner: str
    created: Annotated[int, BeforeValidator(_noon)]
    description: str
    prompt_limit: int
    modes: dict[Mode, ModeSpec]
    offerings: dict[str, Offering] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every model and alias, and the look-ups the gateway makes."""

    models: Mapping[str, Model]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def find(self, asked: str) -> tuple[Model, str | None]:
        """Resolve an id, an alias or `provider/model` to the model and the pinned provider (or None).

        Raises GatewayError model_not_found with the nearest known names.
        """
        provider, slash, rest = asked.partition("/")
        pinned = provider if slash and any(provider in model.offerings for model in self.models.values()) else None
        name = rest if pinned else asked
        model = self.models.get(self.aliases.get(name, name))
        if model is None:
            raise GatewayError("model_not_found", f"Model {asked[:200]!r} not found.{self._hint(name)}", param="model")
        return model, pinned

    def models_with(self, mode: Mode, providers: tuple[str, ...]) -> list[str]:
        """Ids of the models that one of `providers` offers in `mode`."""
        return [
            model.id
            for model in self.models.values()
            if any(mode in model.offerings[name].modes for name in providers if name in model.offerings)
        ]

    def _hint(self, name: str) -> str:
        known = [*self.models, *self.aliases]
        near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
        if near:
            return f" Did you mean {' or '.join(repr(n) for n in near)}?"
        return f" Known models: {', '.join(self.models)}."


def builtin() -> Catalogue:
    """Read the catalogue that ships with Reelgate."""
    return parse(resources.files("app.domain").joinpath("catalogue.toml").read_text(encoding="utf-8"))


def parse(text: str) -> Catalogue:
    """Read a catalogue from TOML; raises ValueError (tomllib's or pydantic's) on a mistake in it."""
    data = _CatalogueToml.model_validate(tomllib.loads(text))
    for alias, target in data.aliases.items():
        if target not in data.models:
            raise ValueError(f"alias {alias!r} points at unknown model {target!r}")
    return Catalogue({name: _model(name, entry) for name, entry in data.models.items()}, data.aliases)


def _model(name: str, entry: _ModelToml) -> Model:
    model = Model.model_validate({"id": name, **entry.model_dump(exclude={"offerings"})})
    offerings = {
        provider: Offering(
            provider=provider,
            model=name,
            modes={
                mode: ModeSpec.model_validate(_override(entry.modes[mode], offer.price, own))
                for mode, own in offer.modes.items()
            },
        )
        for provider, offer in entry.offerings.items()
    }
    offerings[LOCAL] = Offering(provider=LOCAL, model=name, modes=model.modes)
    return model.model_copy(update={"offerings": offerings})


def _override(base: _Table, price: _Table, own: _Table) -> _Table:
    """Lay the offering's own entries over the model's mode; prices merge, everything else replaces."""
    merged = {**base, **own}
    own_price = own.get("price", {})
    if price or own_price:
        merged["price"] = {**price, **own_price} if isinstance(own_price, dict) else own_price
    return merged
