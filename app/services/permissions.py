"""What a key's limits leave: of the catalogue, and of a plan its models, its providers and, under a budget, a price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from app.domain.catalogue import Catalogue
from app.domain.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.domain.catalogue import Model
    from app.domain.limits import Limits
    from app.domain.offers import Offer
    from app.services.routing import Route


class _Way(Protocol):
    @property
    def offer(self) -> Offer: ...


W = TypeVar("W", bound=_Way)


def visible(limits: Limits, catalogue: Catalogue) -> Catalogue:
    """Return the catalogue as the key sees it: what it may not use is unknown there, and suggested to nobody."""
    if limits.models is None and limits.providers is None:
        return catalogue
    seen = {name: _usable(limits, model) for name, model in catalogue.models.items()}
    models = {name: model for name, model in seen.items() if model.offerings}
    return Catalogue(models, {alias: name for alias, name in catalogue.aliases.items() if name in models})


def _usable(limits: Limits, model: Model) -> Model:
    """Leave of a model the offerings that the key may use."""
    offerings = {
        provider: offering
        for provider, offering in model.offerings.items()
        if limits.admits_provider(provider) and limits.admits_model((model.id, f"{provider}/{model.id}"))
    }
    return model.model_copy(update={"offerings": offerings})


def check_model(limits: Limits, route: Route) -> None:
    """Refuse a model that the key may not use. Raises GatewayError permission_denied."""
    if not limits.admits_model((route.asked, route.model.id, route.executed_model)):
        usable = ", ".join(limits.models or ())
        raise _denied(f"This API key may not use the model {route.asked!r}; it may use {usable}.")


def permitted(limits: Limits, ways: Sequence[W]) -> list[W]:
    """Keep the ways that the key may go, in their order. Raises GatewayError permission_denied where none is left."""
    usable = [way for way in ways if limits.admits_provider(way.offer.provider)]
    if not usable:
        names = ", ".join(dict.fromkeys(way.offer.provider for way in ways))
        mine = ", ".join(limits.providers or ())
        raise _denied(f"This API key may not use the provider of this request, {names}; it may use {mine}.")
    priced = [way for way in usable if way.offer.estimate is not None] if limits.needs_price else usable
    if not priced:
        offer = usable[0].offer
        why = "depends on an input video of unknown length" if offer.video else "is not known"
        raise _denied(
            f"This API key has a budget, and the price of {offer.provider}/{offer.model} {why}. "
            "An admin may set allow_unpriced for the key, or add the price to the catalogue."
        )
    return priced


def _denied(message: str) -> GatewayError:
    return GatewayError("permission_denied", message, param="model")
