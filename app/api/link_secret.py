"""/links: the secret that signs links to media, for admins."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.api import docs
from app.api.deps import Admin, Folder, Services
from app.api.forms import read_body
from app.domain.errors import invalid
from app.services.links import LONGEST

router = APIRouter(tags=["keys"])


class LinkRotation(BaseModel):
    """How many seconds links signed before stay good; without it, as long as any of them lives."""

    model_config = ConfigDict(extra="forbid")

    grace_seconds: Annotated[float, Field(ge=0, le=LONGEST, strict=True)] = LONGEST


class LinkSecretObject(BaseModel):
    """From when links are signed anew, and when the old secret stops being good. Unix seconds."""

    object: Literal["link_secret"] = "link_secret"
    used_from: int
    previous_expires_at: int


@router.post(
    "/links/rotate",
    response_model=LinkSecretObject,
    responses=docs.errors("permission_denied", "invalid_value", "unsupported_media_type", "request_too_large"),
    openapi_extra=docs.json_body(LinkRotation, required=False),
)
async def rotate_links(request: Request, gateway: Services, admin: Admin, folder: Folder) -> JSONResponse:
    """Replace the secret that signs links to media; the old one stays good for `grace_seconds`."""
    try:
        wanted = LinkRotation.model_validate(await read_body(request, folder))
    except ValidationError as error:
        first = error.errors()[0]
        param = ".".join(map(str, first["loc"]))
        raise invalid(param, f"{param}: {first['msg']}.") from error
    done = await gateway.link_secrets.rotate(wanted.grace_seconds, by=admin.owner)
    answer = LinkSecretObject(used_from=int(done.used_from), previous_expires_at=int(done.old_until))
    return JSONResponse(answer.model_dump())
