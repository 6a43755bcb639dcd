"""The catalogue: which models exist, what each mode of them takes, who offers them and for how much.

The data is `catalogue.toml` beside this file, and the operator's own file over it; `app.domain.modes` gives it types.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, field
from fractions import Fraction
from importlib import resources
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from app.domain.consistency import check_mode, check_offered, nearest
from app.domain.errors import GatewayError
from app.domain.formats import AUTO, frame_size
from app.domain.modes import (
    LOCAL,
    LONGEST,
    Data,
    FreeSize,
    ImageLimits,
    Mode,
    Model,
    ModeSpec,
    Offering,
    Price,
    Ratio,
    SecondsRange,
    Tier,
    VideoLimits,
    Wire,
)
from app.domain.toml import Layers, MistakeError, Place, Table, merge, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "LOCAL",
    "Catalogue",
    "FreeSize",
    "ImageLimits",
    "Mode",
    "ModeSpec",
    "Model",
    "Offering",
    "Price",
    "SecondsRange",
    "VideoLimits",
    "Wire",
    "builtin",
    "load",
    "parse",
]


_MERGED = frozenset({"price", "wire"})  # what a mode of an offering adds to, rather than replaces


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
        return f" Known models: {', '.join(self.models) or 'none'}."


class _LocalToml(Data):
    """What the local provider does where it cannot, or should not, do what the model does.

    Larger tiers than `max_resolution` are left out; `ratio` and `seconds` stand in where a mode names none.
    """

    max_resolution: Tier = "1080p"
    ratio: Ratio = "16:9"
    seconds: Annotated[PositiveInt, Field(le=LONGEST)] = 6


class _OfferingToml(Data):
    price: Table = Field(default_factory=dict)
    wire: Table = Field(default_factory=dict)
    modes: dict[Mode, Table]


class _ModelToml(BaseModel):
    model_config = ConfigDict(extra="allow")
    modes: dict[Mode, Table]
    offerings: dict[str, _OfferingToml] = Field(default_factory=dict)


class _CatalogueToml(Data):
    local: _LocalToml = _LocalToml()
    aliases: dict[str, str] = Field(default_factory=dict)
    models: dict[str, _ModelToml]


def builtin() -> Catalogue:
    """Read the catalogue that ships with Reelgate."""
    return load(None)


def load(extra_text: str | None) -> Catalogue:
    """Read the catalogue that ships with Reelgate, with the operator's own TOML laid over it, table by table.

    Raises ValueError, naming line and key, on a mistake in it.
    """
    shipped = tomllib.loads(resources.files("app.domain").joinpath("catalogue.toml").read_text(encoding="utf-8"))
    if extra_text is None:
        return _catalogue(shipped)
    extra = tomllib.loads(extra_text + "\n")  # a last line without an end has no number in its errors
    models = extra.get("models")
    if isinstance(models, dict):  # a model of one's own takes its name from a shipped alias
        shipped["aliases"] = {name: target for name, target in shipped["aliases"].items() if name not in models}
    providers = {name for model in _catalogue(shipped).models.values() for name in model.offerings}
    try:
        merged = _catalogue(merge(shipped, extra))
        _check_providers(merged, providers)
    except MistakeError as error:
        raise error.with_lines(extra_text) from None
    return merged


def parse(text: str) -> Catalogue:
    """Read a catalogue from TOML alone; raises ValueError, naming line and key, on a mistake in it."""
    try:
        return _catalogue(tomllib.loads(text))
    except MistakeError as error:
        raise error.with_lines(text) from None


def _catalogue(table: Table) -> Catalogue:
    data = read(_CatalogueToml, table)
    for alias, target in data.aliases.items():
        _check_alias(alias, target, data)
    models = {name: _model(name, entry, data.local) for name, entry in data.models.items()}
    return Catalogue(models, data.aliases)


def _check_providers(catalogue: Catalogue, known: set[str]) -> None:
    for model in catalogue.models.values():
        for name in model.offerings:
            if name not in known:
                place = ("models", model.id, "offerings", name)
                raise MistakeError((place, f"there is no provider {name!r}{nearest(name, known)}"))


def _check_alias(alias: str, target: str, data: _CatalogueToml) -> None:
    if alias in data.models:
        raise MistakeError((("aliases", alias), "there is a model of this name"))
    if target not in data.models:
        raise MistakeError((("aliases", alias), f"there is no model {target!r}{nearest(target, data.models)}"))


def _model(name: str, entry: _ModelToml, local: _LocalToml) -> Model:
    where = ("models", name)
    if "id" in (entry.model_extra or {}):
        raise MistakeError(((*where, "id"), "unknown key; the id is the table's name"))
    if LOCAL in entry.offerings:
        raise MistakeError(((*where, "offerings", LOCAL), "the local provider offers every mode by itself"))
    model = read(Model, {"id": name, **entry.model_dump(exclude={"offerings"})}, where)
    _refuse(
        ((*where, "modes", mode, *key), what)
        for mode, spec in model.modes.items()
        for key, what in check_mode(mode, spec)
    )
    offerings = {provider: _offering(model, entry, provider) for provider in entry.offerings}
    rendered = {mode: _rendered(mode, spec, local) for mode, spec in model.modes.items()}
    offerings[LOCAL] = Offering(provider=LOCAL, model=name, modes={m: spec for m, spec in rendered.items() if spec})
    return model.model_copy(update={"offerings": offerings})


def _offering(model: Model, entry: _ModelToml, provider: str) -> Offering:
    layered = {mode: _layers(model.id, entry, provider, mode) for mode in entry.offerings[provider].modes}
    modes = {mode: layers.read(ModeSpec) for mode, layers in layered.items()}
    tiers = [tier for spec in (*model.modes.values(), *modes.values()) for tier in spec.resolutions]
    _refuse(
        (layered[mode].source(key), what)
        for mode, spec in modes.items()
        for key, what in check_offered(provider, mode, spec, tiers)
    )
    return Offering(provider=provider, model=model.id, modes=modes)


def _layers(name: str, entry: _ModelToml, provider: str, mode: Mode) -> Layers:
    where = ("models", name, "offerings", provider)
    offer = entry.offerings[provider]
    if mode not in entry.modes:
        raise MistakeError(((*where, "modes", mode), "the model has no such mode"))
    shared: Table = {key: table for key, table in (("price", offer.price), ("wire", offer.wire)) if table}
    return Layers(
        _MERGED,
        (
            ((*where, "modes", mode), offer.modes[mode]),
            (where, shared),
            (("models", name, "modes", mode), entry.modes[mode]),
        ),
    )


def _refuse(mistakes: Iterable[tuple[Place, str]]) -> None:
    """Raise MistakeError with all of them, each once, if there are any."""
    found = tuple(dict.fromkeys(mistakes))
    if found:
        raise MistakeError(*found)


def _rendered(mode: Mode, spec: ModeSpec, local: _LocalToml) -> ModeSpec | None:
    """Return what the local provider makes of a mode; None where every tier is too large for it."""
    changes: dict[str, object] = {}
    tiers = tuple(tier for tier in spec.resolutions if _area(tier) <= _area(local.max_resolution))
    if tiers != spec.resolutions:
        if not tiers:
            return None
        kept = spec.default_resolution in (*tiers, AUTO)
        changes |= {"resolutions": tiers, "default_resolution": spec.default_resolution if kept else tiers[-1]}
    if mode is Mode.TEXT and not spec.ratios and not spec.free_size:
        changes |= {"ratios": (local.ratio,), "default_ratio": local.ratio}
    if spec.seconds is None and mode not in (Mode.EDIT, Mode.EXTEND):
        changes["seconds"] = SecondsRange(min=local.seconds, max=local.seconds, default=local.seconds)
    return spec.model_copy(update=changes)


def _area(tier: str) -> int:
    width, height = frame_size(tier, Fraction(16, 9))
    return width * height
