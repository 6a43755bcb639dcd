"""/keys: API keys, their limits and their rotation, for admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from app.api import docs
from app.api import key_schemas as schemas
from app.api.deps import Admin, Folder, Services
from app.api.forms import read_body
from app.api.key_bodies import key_object, read_changes, read_grace, read_new

router = APIRouter(tags=["keys"])

_BODY = ("permission_denied", "invalid_value", "unsupported_value", "unsupported_media_type", "request_too_large")
_Cancel = Annotated[bool, Query(description="Cancel its live videos and disable its webhooks; also if revoked before.")]


@router.post(
    "/keys",
    response_model=schemas.KeyObject,
    responses=docs.errors(*_BODY, "missing_required_parameter", "model_not_found"),
    openapi_extra=docs.json_body(schemas.KeyRequest),
)
async def create_key(request: Request, gateway: Services, admin: Admin, folder: Folder) -> JSONResponse:
    """Make a key. It is shown in this answer and never again; from the first key on, every request needs one."""
    made = read_new(await read_body(request, folder), gateway.catalogue)
    key, secret = await gateway.accounts.create_key(made.name, made.role, made.limits, made.expires_at, by=admin.owner)
    return JSONResponse({**key_object(key, gateway.database.clock()), "key": secret})


@router.get("/keys", response_model=schemas.KeyList, responses=docs.errors("permission_denied", "invalid_value"))
async def list_keys(gateway: Services, _admin: Admin) -> JSONResponse:
    """List every key."""
    now = gateway.database.clock()
    data = [key_object(key, now) for key in await gateway.accounts.list_keys()]
    return JSONResponse({"object": "list", "data": data})


@router.get("/keys/{key_id}", response_model=schemas.KeyObject, responses=docs.errors("permission_denied", "not_found"))
async def retrieve_key(key_id: str, gateway: Services, _admin: Admin) -> JSONResponse:
    """Describe one key, with what it has spent."""
    return JSONResponse(key_object(await gateway.accounts.get_key(key_id), gateway.database.clock()))


@router.patch(
    "/keys/{key_id}",
    response_model=schemas.KeyObject,
    responses=docs.errors(*_BODY, "not_found", "model_not_found"),
    openapi_extra=docs.json_body(schemas.KeyChanges),
)
async def update_key(key_id: str, request: Request, gateway: Services, admin: Admin, folder: Folder) -> JSONResponse:
    """Set a key's name, role, limits or expiry anew, from now on; what is left out stays."""
    body = await read_body(request, folder)
    key = await gateway.accounts.update_key(key_id, read_changes(body, gateway.catalogue), by=admin.owner)
    return JSONResponse(key_object(key, gateway.database.clock()))


@router.post(
    "/keys/{key_id}/rotate",
    response_model=schemas.KeyObject,
    responses=docs.errors(*_BODY, "not_found"),
    openapi_extra=docs.json_body(schemas.KeyRotation),
)
async def rotate_key(key_id: str, request: Request, gateway: Services, admin: Admin, folder: Folder) -> JSONResponse:
    """Give a key a new secret, shown in this answer only; the old one stays good for `grace_seconds`."""
    grace = read_grace(await read_body(request, folder))
    key, secret = await gateway.accounts.rotate_key(key_id, grace, by=admin.owner)
    return JSONResponse({**key_object(key, gateway.database.clock()), "key": secret})


@router.delete(
    "/keys/{key_id}",
    response_model=schemas.KeyDeleted,
    responses=docs.errors("permission_denied", "not_found", "invalid_value"),
)
async def revoke_key(key_id: str, gateway: Services, admin: Admin, *, cancel: _Cancel = False) -> JSONResponse:
    """End a key at once. What it ordered goes on, unless `cancel` is true."""
    cancelled = await gateway.revoking.revoke(key_id, cancel=cancel, by=admin.owner)
    said = {"cancelled_videos": cancelled} if cancel else {}
    return JSONResponse({"id": key_id, "object": "api_key.deleted", "deleted": True, **said})
