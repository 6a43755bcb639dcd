"""/models: OpenAI's list, and what each model can do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from app.api import docs, schemas
from app.api.deps import Client, Services
from app.domain.catalogue import Catalogue, Model, ModeSpec
from app.domain.formats import frame_size, parse_ratio
from app.domain.parameters import parameters
from app.services.permissions import visible

router = APIRouter(tags=["models"])


@router.get("/models", response_model=schemas.ModelList, responses=docs.errors())
async def list_models(gateway: Services, caller: Client) -> JSONResponse:
    """List the models that a configured provider offers and the key may use."""
    seen = visible(caller.limits, gateway.catalogue)
    models = seen.models.values()
    data = [model_object(model, seen, gateway.providers) for model in models if _serving(model, gateway.providers)]
    return JSONResponse({"object": "list", "data": data})


@router.get("/models/{model_id:path}", response_model=schemas.ModelObject, responses=docs.errors("model_not_found"))
async def retrieve_model(
    model_id: str,
    gateway: Services,
    caller: Client,
    *,
    schema: Annotated[bool, Query(description="Add each parameter's type, values and handling.")] = False,
) -> JSONResponse:
    """Describe one model, by id, alias or provider/model; one that the key may not use is unknown."""
    seen = visible(caller.limits, gateway.catalogue)
    model, _pinned = seen.find(model_id)
    shown = model_object(model, seen, gateway.providers)
    if schema:
        shown["parameters"] = [
            {
                "name": each.name,
                "type": each.type,
                "required": each.required,
                "default": each.default,
                "values": list(each.values),
                "modes": [mode.value for mode in each.modes],
                "handling": each.handling,
                "description": each.description,
            }
            for each in parameters(model)
        ]
    return JSONResponse(shown)


def model_object(model: Model, seen: Catalogue, known: Iterable[str]) -> dict[str, object]:
    """Build the public object (`schemas.ModelObject`), as those providers serve it that are `known`."""
    providers = _serving(model, known)
    offered = [model.offerings[name] for name in providers]
    return {
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": model.owner,
        "name": model.name,
        "description": model.description,
        "aliases": [alias for alias, target in seen.aliases.items() if target == model.id],
        "capabilities": [mode.value for mode in model.modes if any(mode in offer.modes for offer in offered)],
        "modes": [
            _mode(mode.value, spec, [offer.provider for offer in offered if mode in offer.modes])
            for mode, spec in model.modes.items()
        ],
        "prices": [
            {
                "provider": offer.provider,
                "mode": mode.value,
                "per_second": spec.price.second,
                "per_input_image": spec.price.image,
                "per_input_second": spec.price.input_second,
            }
            for offer in model.offerings.values()
            for mode, spec in offer.modes.items()
            if spec.price
        ],
        "providers": providers,
        "prompt_limit": model.prompt_limit,
    }


def _serving(model: Model, known: Iterable[str]) -> list[str]:
    return [name for name in known if name in model.offerings]


def _mode(mode: str, spec: ModeSpec, providers: list[str]) -> dict[str, object]:
    shapes = [parse_ratio(ratio) for ratio in spec.ratios]
    sizes = [frame_size(tier, shape) for tier in spec.resolutions for shape in shapes]
    return {
        "mode": mode,
        "providers": providers,
        "aspect_ratios": list(spec.ratios),
        "default_aspect_ratio": spec.default_ratio,
        "resolutions": list(spec.resolutions),
        "default_resolution": spec.default_resolution,
        "sizes": [f"{width}x{height}" for width, height in sizes],
        "seconds": spec.seconds.model_dump() if spec.seconds else None,
        "max_images": spec.images.max,
    }
