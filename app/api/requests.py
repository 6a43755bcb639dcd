"""/requests: the request log. Who asked for what, how that was answered, and what became of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from app.api import docs
from app.api import request_schemas as schemas
from app.api.deps import Client, Services
from app.db.request_log import Logged, Page
from app.domain.plain import Json
from app.domain.pricing import dollars

router = APIRouter(tags=["requests"])


@router.get("/requests", response_model=schemas.RequestList, responses=docs.errors("invalid_value"))
async def list_requests(
    gateway: Services, caller: Client, query: Annotated[schemas.RequestsQuery, Query()]
) -> JSONResponse:
    """List your requests that made or changed something, refused ones too, newest first; admins see every key's."""
    return JSONResponse(request_list(*await gateway.request_log.list_page(caller, page_of(query))))


@router.get(
    "/requests/{request_id}",
    response_model=schemas.RequestObject,
    responses=docs.errors("not_found", "invalid_value"),
)
async def retrieve_request(
    request_id: str, gateway: Services, caller: Client, key_id: Annotated[str | None, Query(max_length=256)] = None
) -> JSONResponse:
    """Retrieve one, by its id or by the x-request-id of its answer; where several keys sent that, with `key_id`."""
    return JSONResponse(_object(await gateway.request_log.get(caller, request_id, key_id)))


def page_of(query: schemas.RequestsQuery) -> Page:
    """Say in the log's words what is asked for."""
    return Page(
        after=query.after,
        limit=query.limit,
        key_id=query.key_id,
        video_id=query.video_id,
        model=query.model,
        status=query.status,
        error_code=query.error_code,
        created_after=query.created_after,
        created_before=query.created_before,
    )


def request_list(found: list[Logged], has_more: bool) -> dict[str, Json]:  # noqa: FBT001 - as `list_page` returns it
    """Build the public page (`schemas.RequestList`)."""
    data: list[Json] = [_object(each) for each in found]
    first, last = (found[0].row.id, found[-1].row.id) if found else (None, None)
    return {"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": has_more}


def _object(found: Logged) -> dict[str, Json]:
    row, job = found.row, found.job
    return {
        "id": row.id,
        "object": "request",
        "request_id": row.request_id,
        "created_at": int(row.at),
        "key_id": row.owner,
        "method": row.method,
        "route": row.route,
        "status_code": row.status,
        "error_code": found.error_code,
        "duration_ms": row.duration_ms,
        "model": found.model,
        "video_id": row.video_id,
        "status": job.status if job else None,
        "providers": list(job.providers) if job else [],
        "cost": dollars(job.cost) if job and job.cost is not None else None,
        "cost_currency": "USD",
        "job_seconds": round(job.seconds, 3) if job and job.seconds is not None else None,
    }
