"""/keys: API keys, for admins."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from app.api import docs, schemas
from app.api.deps import Admin, Folder, Services
from app.api.forms import read_body
from app.db.tables import ApiKeyRow
from app.domain.errors import invalid, missing

router = APIRouter(tags=["keys"])

_FORBIDDEN = docs.errors("permission_denied", "invalid_value")


@router.post(
    "/keys",
    response_model=schemas.KeyObject,
    responses=docs.errors("permission_denied", "invalid_value", "unsupported_media_type", "request_too_large"),
    openapi_extra=docs.json_body(schemas.KeyRequest),
)
async def create_key(request: Request, gateway: Services, _admin: Admin, folder: Folder) -> JSONResponse:
    """Make a key. It is shown in this answer and never again; from the first key on, every request needs one."""
    wanted = _wanted(await read_body(request, folder))
    row, secret = await gateway.accounts.create_key(wanted.name, wanted.role)
    return JSONResponse({**_key(row), "key": secret})


@router.get("/keys", response_model=schemas.KeyList, responses=_FORBIDDEN)
async def list_keys(gateway: Services, _admin: Admin) -> JSONResponse:
    """List every key."""
    return JSONResponse({"object": "list", "data": [_key(row) for row in await gateway.accounts.list_keys()]})


@router.delete(
    "/keys/{key_id}", response_model=schemas.KeyDeleted, responses=docs.errors("permission_denied", "not_found")
)
async def revoke_key(key_id: str, gateway: Services, _admin: Admin) -> JSONResponse:
    """End a key at once."""
    await gateway.accounts.revoke_key(key_id)
    return JSONResponse({"id": key_id, "object": "api_key.deleted", "deleted": True})


def _wanted(body: dict[str, object]) -> schemas.KeyRequest:
    try:
        return schemas.KeyRequest.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        param = str(first["loc"][0])
        if first["type"] == "missing":
            raise missing(param) from None
        raise invalid(param, f"Invalid {param}: {first['msg']}.") from None


def _key(row: ApiKeyRow) -> dict[str, object]:
    return {
        "id": row.id,
        "object": "api_key",
        "name": row.name,
        "role": row.role,
        "prefix": row.prefix,
        "created_at": int(row.created_at),
        "last_used_at": None if row.last_used_at is None else int(row.last_used_at),
        "revoked_at": None if row.revoked_at is None else int(row.revoked_at),
    }
