"""The models and providers that a key may use, by the names that the catalogue knows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.domain.errors import GatewayError
from app.domain.verbatim import verbatim_model

if TYPE_CHECKING:
    from app.domain.catalogue import Catalogue
    from app.domain.limits import Limits


def by_catalogue(limits: Limits, catalogue: Catalogue) -> Limits:
    """Return the limits with each model by its id, aliases resolved. Raises GatewayError for what nobody knows."""
    models = limits.models and tuple(dict.fromkeys(_model(name, catalogue) for name in limits.models))
    known = sorted({name for model in catalogue.models.values() for name in model.offerings})
    unknown = [name for name in limits.providers or () if name not in known]
    if unknown:
        message = f"Unknown provider {unknown[0][:80]!r}: there are {', '.join(known)}."
        raise GatewayError("unsupported_value", message, param="providers")
    return replace(limits, models=models)


def _model(name: str, catalogue: Catalogue) -> str:
    try:
        model, provider = catalogue.find(name)
    except GatewayError as error:
        if verbatim_model(name):  # a provider's own, which the catalogue need not know
            return name
        raise GatewayError(error.code, error.message, param="models") from None
    if provider is not None:
        message = f"{name!r} names a provider, too: give {model.id!r} in models, and {provider!r} in providers."
        raise GatewayError("unsupported_value", message, param="models")
    return model.id
