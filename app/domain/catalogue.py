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
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    model_validator,
)

from app.domain.errors import GatewayError
from app.domain.formats import AUTO, parse_ratio, parse_tier

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

    min: PositiveInt
    max: int
    default: int

    @model_validator(mode="after")
    def _in_order(self) -> SecondsRange:
        if not self.min <= self.default <= self.max:
            raise ValueError(f"min {self.min}, default {self.default}, max {self.max} are not in order")
        return self


class ImageLimits(_Data):
    """How many input images a mode takes."""

    max: NonNegativeInt


class VideoLimits(_Data):
    """What an input video may be, in seconds; `max_total_seconds` counts source and tail together."""

    min_seconds: float = 0
    max_seconds: float
    max_total_seconds: float | None = None


class FreeSize(_Data):
    """Frame sizes of a model that takes any: limits in pixels, sides rounded to `multiple`."""

    min_side: PositiveInt
    max_side: PositiveInt
    max_pixels: PositiveInt
    multiple: PositiveInt

    @property
    def steps(self) -> tuple[int, int, int]:
        """The shortest side, the longest side and the largest area, counted in steps of `multiple`."""
        return -(-self.min_side // self.multiple), self.max_side // self.multiple, self.max_pixels // self.multiple**2

    @model_validator(mode="after")
    def _some_frame_fits(self) -> FreeSize:
        least, most, area = self.steps
        if least > most or least * least > area:
            raise ValueError("no frame is within these limits")
        return self


class Price(_Data):
    """US dollars per second of output by resolution, per input image, and per second of input video."""

    second: dict[str, NonNegativeFloat] = Field(default_factory=dict)
    image: NonNegativeFloat = 0
    input_second: NonNegativeFloat = 0

    def per_second(self, resolution: str) -> float:
        """Return the price at a resolution; one without a price ("auto" too) counts as the dearest."""
        return self.second.get(resolution, max(self.second.values(), default=0.0))


class Wire(_Data):
    """How an offering spells the fields of a mode, and in what form it takes their values.

    A field that is None is never sent. `seconds_as`: 8, "8" or "8s". `resolution_values` renames tiers ("768p" to
    "768P"). `sends_auto`: "auto" is a value there, rather than a field left out. `tag` is the reference tag for image
    `{n}` (counted from 1) or `{i}` (from 0). `fixed` is sent with every request.
    """

    prompt: str = "prompt"
    seconds: str | None = "duration"
    seconds_as: Literal["number", "text", "suffixed"] = "number"
    ratio: str | None = "aspect_ratio"
    resolution: str | None = "resolution"
    resolution_values: dict[str, str] = Field(default_factory=dict)
    sends_auto: bool = False
    image: str = "image_url"
    images: str = "reference_image_urls"
    video: str = "video_url"
    tag: str = "@Image{n}"
    fixed: dict[str, str | int | float | bool] = Field(default_factory=dict)


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
    wire: Wire = Wire()

    @model_validator(mode="after")
    def _is_consistent(self) -> ModeSpec:
        if AUTO in (*self.ratios, *self.resolutions):
            raise ValueError("auto is a default, not one of the ratios or resolutions")
        try:
            ratios = {parse_ratio(ratio, "ratio") for ratio in self.ratios}
            tiers = {parse_tier(tier) for tier in self.resolutions}
            parse_ratio("1:1" if self.default_ratio == AUTO else self.default_ratio, "default_ratio")
            parse_tier("1K" if self.default_resolution == AUTO else self.default_resolution)
        except GatewayError as error:
            raise ValueError(error.message) from None
        if len(ratios) < len(self.ratios) or len(tiers) < len(self.resolutions):
            raise ValueError("two of the ratios or resolutions mean the same")
        if self.free_size:
            if self.ratios or self.resolutions or self.default_resolution == AUTO:
                raise ValueError("free_size needs a default_resolution, and neither ratios nor resolutions")
            return self
        if self.default_ratio not in (*self.ratios, AUTO):
            raise ValueError(f"default_ratio {self.default_ratio!r} is not among ratios")
        if self.resolutions and self.default_resolution not in (*self.resolutions, AUTO):
            raise ValueError(f"default_resolution {self.default_resolution!r} is not among resolutions")
        return self


class Offering(_Data):
    """A model at one provider."""

    provider: str
    model: str
    modes: dict[Mode, ModeSpec]


def _midnight(value: object) -> object:
    if isinstance(value, date):
        return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp())
    return value


_Table: TypeAlias = dict[str, object]
_T = TypeVar("_T", bound=BaseModel)


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
    created: Annotated[int, BeforeValidator(_midnight)]
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
        is_name = asked in self.models or asked in self.aliases
        is_pin = slash and not is_name and any(provider in model.offerings for model in self.models.values())
        pinned, name = (provider, rest) if is_pin else (None, asked)
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
    """Read a catalogue from TOML; raises ValueError, naming the place, on a mistake in it."""
    data = _read(_CatalogueToml, tomllib.loads(text))
    for alias, target in data.aliases.items():
        if target not in data.models:
            near = difflib.get_close_matches(target, data.models, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"aliases.{alias}: there is no model {target!r}{hint}")
        if alias in data.models:
            raise ValueError(f"aliases.{alias}: there is a model of this name")
    return Catalogue({name: _model(name, entry) for name, entry in data.models.items()}, data.aliases)


def _model(name: str, entry: _ModelToml) -> Model:
    where = f"models.{name}"
    if "id" in (entry.model_extra or {}):
        raise ValueError(f"{where}.id: unknown key; the id is the table's name")
    if LOCAL in entry.offerings:
        raise ValueError(f"{where}.offerings.{LOCAL}: the local provider offers every mode by itself")
    model = _read(Model, {"id": name, **entry.model_dump(exclude={"offerings"})}, where)
    offerings = {
        provider: Offering(
            provider=provider,
            model=name,
            modes={
                mode: _offered(entry, mode, offer.price, own, f"{where}.offerings.{provider}.modes.{mode}")
                for mode, own in offer.modes.items()
            },
        )
        for provider, offer in entry.offerings.items()
    }
    offerings[LOCAL] = Offering(provider=LOCAL, model=name, modes=model.modes)
    return model.model_copy(update={"offerings": offerings})


def _offered(entry: _ModelToml, mode: Mode, price: _Table, own: _Table, where: str) -> ModeSpec:
    if mode not in entry.modes:
        raise ValueError(f"{where}: the model has no such mode")
    return _read(ModeSpec, _override(entry.modes[mode], price, own), where)


def _read(kind: type[_T], table: _Table, where: str = "") -> _T:
    """Validate a table; raises ValueError that names every mistake by its place in the file."""
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        lines = []
        for each in error.errors(include_url=False):
            place = ".".join([*([where] if where else []), *map(str, each["loc"])])
            lines.append(f"{place}: {'unknown key' if each['type'] == 'extra_forbidden' else each['msg']}")
        raise ValueError("; ".join(lines)) from None


def _override(base: _Table, price: _Table, own: _Table) -> _Table:
    """Lay the offering's own entries over the model's mode; prices merge, everything else replaces."""
    merged = {**base, **own}
    own_price = own.get("price", {})
    if price or own_price:
        merged["price"] = {**price, **own_price} if isinstance(own_price, dict) else own_price
    return merged
