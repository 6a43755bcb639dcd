"""Which model, at which provider, serves a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.domain.catalogue import Mode
from app.domain.errors import GatewayError
from app.domain.modes import KEY_SETTINGS
from app.domain.sizing import ParameterWarning
from app.domain.verbatim import verbatim_model

if TYPE_CHECKING:
    from app.domain.catalogue import Catalogue, Model, ModeSpec


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes. `asked` is the model in the client's words."""

    asked: str
    model: Model
    provider: str
    spec: ModeSpec
    warnings: tuple[ParameterWarning, ...] = ()

    @property
    def executed_model(self) -> str:
        """The model and where it runs, as `provider/model`."""
        return f"{self.provider}/{self.model.id}"


@dataclass(frozen=True, slots=True)
class Router:
    """Chooses among the configured providers, in order of preference."""

    catalogue: Catalogue
    providers: tuple[str, ...]
    default_model: str

    def route(self, asked: str | None, mode: Mode) -> Route:
        """Find the first provider that offers the model in this mode.

        A name such as `fal/<endpoint>` that the catalogue does not know is sent to that provider verbatim.
        Raises GatewayError: model_not_found, unsupported_mode (naming the models that have it),
        no_provider_configured.
        """
        name = asked or self.default_model
        model, pinned = self._find(name)
        candidates = (pinned,) if pinned else self.providers
        for provider in candidates:
            offering = model.offerings.get(provider)
            if provider in self.providers and offering and mode in offering.modes:
                return Route(name, model, provider, offering.modes[mode])
        able = [each for each in model.offerings if pinned in (None, each)]
        if not any(each in self.providers for each in able):
            turned_on = (f"{each} ({KEY_SETTINGS[each]})" if each in KEY_SETTINGS else each for each in able)
            raise GatewayError(
                "no_provider_configured",
                f"No configured provider offers {name!r}. Configured: {', '.join(self.providers) or 'none'}. "
                f"Offered by: {', '.join(turned_on) or 'none'}.",
                param="model",
            )
        others = ", ".join(self.catalogue.models_with(mode, self.providers)) or "none"
        raise GatewayError(
            "unsupported_mode",
            f"Model {name!r} does not offer {mode}. Models that do: {others}.",
            param="model",
        )

    def route_follow_up(self, source: str, mode: Mode) -> Route:
        """Route an edit or extension that names no model: the source's own model, else one that has the mode."""
        try:
            route = self.route(source, mode)
        except GatewayError as error:
            if error.code != "unsupported_mode":
                raise
        else:
            # An endpoint that the catalogue does not know made the source: it does not change or continue videos.
            if not route.spec.verbatim or mode not in (Mode.EDIT, Mode.EXTEND):
                return route
        capable = self.catalogue.models_with(mode, self.providers)
        default = self._find(self.default_model)[0].id
        used = self.route(default if default in capable or not capable else capable[0], mode)
        message = f"model {source} does not offer {mode}; used {used.model.id}."
        warning = ParameterWarning("model", "converted", source, used.model.id, message)
        return Route(source, used.model, used.provider, used.spec, (warning,))

    def _find(self, name: str) -> tuple[Model, str | None]:
        """Find a model and its pinned provider; one the catalogue does not know may be some provider's own."""
        try:
            return self.catalogue.find(name)
        except GatewayError:
            model = verbatim_model(name)
            if model is None:
                raise
            return model
