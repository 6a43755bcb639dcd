"""/webhook_endpoints and what belongs to them, as the OpenAI SDK has them; Lumenfall's /webhooks/secret."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, ValidationError

from app.api import docs
from app.api import webhook_schemas as schemas
from app.api.deps import Client, Folder, Maker, Services
from app.api.forms import read_body
from app.api.queries import DIGITS
from app.db.deliveries import Delivery, Page
from app.db.tables import EndpointRow
from app.domain.errors import invalid, missing
from app.domain.plain import Json
from app.domain.webhooks import EVENT_TYPES
from app.services.signing import hint
from app.services.webhooks import Changes

M = TypeVar("M", bound=BaseModel)

router = APIRouter(tags=["webhooks"])

_BODY = ("invalid_value", "missing_required_parameter", "request_too_large", "unsupported_media_type")
_After = Annotated[str | None, Query(max_length=256)]
_Limit = Annotated[int, Query(ge=0, le=100), DIGITS]


class DeliveriesQuery(BaseModel):
    """What a listing of deliveries may ask for."""

    after: Annotated[str | None, Field(max_length=256)] = None
    limit: Annotated[int, Field(ge=0, le=100), DIGITS] = 20
    status: Literal["pending", "delivered", "failed"] | None = None
    video_id: Annotated[str | None, Field(max_length=256)] = None


@router.post(
    "/webhook_endpoints",
    response_model=schemas.Endpoint,
    responses=docs.errors(*_BODY, "url_not_allowed"),
    openapi_extra=docs.json_body(schemas.EndpointRequest),
)
async def create_endpoint(request: Request, gateway: Services, caller: Client, folder: Folder) -> JSONResponse:
    """Make an endpoint: it is told of the end of every video of yours. Its secret is shown in this answer only."""
    wanted = _read(schemas.EndpointRequest, await read_body(request, folder))
    types: list[str] = sorted(set(wanted.event_types), key=EVENT_TYPES.index)
    row = await gateway.webhooks.create(caller.owner, wanted.name, wanted.url, types)
    return JSONResponse({**_endpoint(row), "signing_secret": row.secret})


@router.get("/webhook_endpoints", response_model=schemas.EndpointList, responses=docs.errors("invalid_value"))
async def list_endpoints(gateway: Services, caller: Client, after: _After = None, limit: _Limit = 20) -> JSONResponse:
    """List your endpoints, newest first."""
    rows, has_more = await gateway.webhooks.list_page(caller.owner, after, limit)
    return JSONResponse(_page([_endpoint(row) for row in rows], has_more=has_more))


@router.get(
    "/webhook_endpoints/{webhook_endpoint_id}", response_model=schemas.Endpoint, responses=docs.errors("not_found")
)
async def retrieve_endpoint(webhook_endpoint_id: str, gateway: Services, caller: Client) -> JSONResponse:
    """Retrieve one."""
    return JSONResponse(_endpoint(await gateway.webhooks.get(caller.owner, webhook_endpoint_id)))


@router.post(
    "/webhook_endpoints/{webhook_endpoint_id}",
    response_model=schemas.Endpoint,
    responses=docs.errors(*_BODY, "url_not_allowed", "not_found"),
    openapi_extra=docs.json_body(schemas.EndpointChanges),
)
async def update_endpoint(
    webhook_endpoint_id: str, request: Request, gateway: Services, caller: Client, folder: Folder
) -> JSONResponse:
    """Change one; what is on its way goes to the new URL, too, and is given up where it is disabled."""
    wanted = _read(schemas.EndpointChanges, await read_body(request, folder))
    types: list[str] | None = sorted(set(wanted.event_types), key=EVENT_TYPES.index) if wanted.event_types else None
    enabled = None if wanted.status is None else wanted.status == "enabled"
    changes = Changes(wanted.name, wanted.url, types, enabled)
    return JSONResponse(_endpoint(await gateway.webhooks.update(caller.owner, webhook_endpoint_id, changes)))


@router.delete(
    "/webhook_endpoints/{webhook_endpoint_id}",
    response_model=schemas.EndpointDeleted,
    responses=docs.errors("not_found"),
)
async def delete_endpoint(webhook_endpoint_id: str, gateway: Services, caller: Client) -> JSONResponse:
    """Forget one, with its log; what is on its way to it is given up."""
    await gateway.webhooks.delete(caller.owner, webhook_endpoint_id)
    return JSONResponse({"id": webhook_endpoint_id, "object": "webhook_endpoint.deleted", "deleted": True})


@router.post(
    "/webhook_endpoints/{webhook_endpoint_id}/rotate_secret",
    response_model=schemas.Endpoint,
    responses=docs.errors(*_BODY, "not_found"),
    openapi_extra=docs.json_body(schemas.Rotation),
)
async def rotate_secret(
    webhook_endpoint_id: str, request: Request, gateway: Services, caller: Client, folder: Folder
) -> JSONResponse:
    """Give one a new secret, shown in this answer only; the old one may go on signing for a day."""
    wanted = _read(schemas.Rotation, await read_body(request, folder))
    keep_old = wanted.keep_old_secret_active_for_24_hours
    row = await gateway.webhooks.rotate(caller.owner, webhook_endpoint_id, keep_old=keep_old)
    return JSONResponse({**_endpoint(row), "signing_secret": row.secret})


@router.post(
    "/webhook_endpoints/{webhook_endpoint_id}/test",
    response_model=schemas.TestResult,
    responses=docs.errors(*_BODY, "not_found", "overloaded"),
    openapi_extra=docs.json_body(schemas.TestRequest),
)
async def test_endpoint(
    webhook_endpoint_id: str, request: Request, gateway: Services, caller: Maker, folder: Folder
) -> JSONResponse:
    """Send a made-up event to one at once, and tell how it answered."""
    wanted = _read(schemas.TestRequest, await read_body(request, folder))
    status = await gateway.webhooks.test(caller.owner, webhook_endpoint_id, wanted.event_type)
    return JSONResponse(
        {
            "object": "webhook_endpoint.test",
            "event_type": wanted.event_type,
            "status_code": status,
            "success": True,
            "webhook_endpoint_id": webhook_endpoint_id,
        }
    )


@router.get(
    "/webhook_endpoints/{webhook_endpoint_id}/deliveries",
    response_model=schemas.DeliveryList,
    responses=docs.errors("invalid_value", "not_found"),
)
async def list_deliveries_of_endpoint(
    webhook_endpoint_id: str, gateway: Services, caller: Client, query: Annotated[DeliveriesQuery, Query()]
) -> JSONResponse:
    """List what was sent to one, newest first, with every attempt."""
    return await _deliveries(gateway, caller, query, webhook_endpoint_id)


@router.get("/webhook_deliveries", response_model=schemas.DeliveryList, responses=docs.errors("invalid_value"))
async def list_deliveries(
    gateway: Services, caller: Client, query: Annotated[DeliveriesQuery, Query()]
) -> JSONResponse:
    """List what was sent for your videos, to the `webhook_url` of requests, too."""
    return await _deliveries(gateway, caller, query, None)


@router.post(
    "/webhook_deliveries/{delivery_id}/resend",
    response_model=schemas.Delivery,
    responses=docs.errors("invalid_value", "not_found"),
)
async def resend_delivery(delivery_id: str, gateway: Services, caller: Maker) -> JSONResponse:
    """Send an event again, under the same id."""
    return JSONResponse(_delivery(await gateway.webhooks.resend(caller.owner, delivery_id)))


@router.get("/webhook_event_types", response_model=schemas.EventTypes, responses=docs.errors())
async def list_event_types(_caller: Client) -> JSONResponse:
    """List the kinds of events there are."""
    return JSONResponse({"object": "list", "data": list(EVENT_TYPES)})


@router.get("/webhooks/secret", response_model=schemas.Secret, responses=docs.errors())
async def retrieve_secret(gateway: Services, caller: Client) -> JSONResponse:
    """Retrieve the secret that signs what goes to the `webhook_url` of your requests."""
    return JSONResponse({"key": await gateway.webhooks.secret(caller.owner)})


@router.post(
    "/webhooks/secret/rotate",
    response_model=schemas.Secret,
    responses=docs.errors(*_BODY),
    openapi_extra=docs.json_body(schemas.Rotation, required=False),
)
async def rotate_owners_secret(request: Request, gateway: Services, caller: Client, folder: Folder) -> JSONResponse:
    """Replace the secret that signs what goes to the `webhook_url` of your requests; the old one may sign for a day."""
    wanted = _read(schemas.Rotation, await read_body(request, folder))
    keep_old = wanted.keep_old_secret_active_for_24_hours
    return JSONResponse({"key": await gateway.webhooks.rotate_secret(caller.owner, keep_old=keep_old)})


async def _deliveries(
    gateway: Services, caller: Client, query: DeliveriesQuery, endpoint_id: str | None
) -> JSONResponse:
    page = Page(endpoint_id, query.video_id, query.status, query.after, query.limit)
    found, has_more = await gateway.webhooks.deliveries(caller.owner, page)
    return JSONResponse(_page([_delivery(each) for each in found], has_more=has_more))


def _page(data: list[dict[str, Json]], *, has_more: bool) -> dict[str, object]:
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": has_more}


def _endpoint(row: EndpointRow) -> dict[str, Json]:
    return {
        "id": row.id,
        "object": "webhook_endpoint",
        "name": row.name,
        "url": row.url,
        "event_types": list(row.event_types),
        "signing_secret_hint": hint(row.secret),
        "status": "enabled" if row.disabled_at is None else "disabled",
        "disabled_at": None if row.disabled_at is None else int(row.disabled_at),
        "disabled_reason": row.disabled_reason,
        "created_at": int(row.created_at),
        "updated_at": int(row.updated_at),
    }


def _delivery(found: Delivery) -> dict[str, Json]:
    row, event = found.row, found.event
    return {
        "id": row.id,
        "object": "webhook_delivery",
        "event_id": event.id,
        "event_type": event.type,
        "video_id": event.video_id,
        "webhook_endpoint_id": row.endpoint_id,
        "url": row.url,
        "status": row.state,
        "next_attempt_at": None if row.run_at is None else int(row.run_at),
        "created_at": int(row.created_at),
        "attempts": list(row.history),
    }


def _read(model: type[M], body: dict[str, object]) -> M:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        param = str(first["loc"][0])
        if first["type"] == "missing":
            raise missing(param) from None
        raise invalid(param, f"Invalid {param}: {first['msg']}.") from None
