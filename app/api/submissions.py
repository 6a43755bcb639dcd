"""/submissions: paid requests whose fate may be unknown, for admins."""

from __future__ import annotations

from typing import Annotated, TypeVar

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError

from app.api import docs
from app.api import submission_schemas as schemas
from app.api.deps import Admin, Folder, Services
from app.api.forms import read_body
from app.api.present import attempt
from app.api.queries import SubmissionsQuery
from app.db.flagged import Page, Submission
from app.domain import offers
from app.domain.errors import invalid, missing
from app.domain.plain import Json
from app.domain.pricing import dollars, micro_dollars
from app.domain.resolutions import Resolution

M = TypeVar("M", bound=BaseModel)

router = APIRouter(tags=["submissions"])

_INVALID = ("permission_denied", "invalid_value", "missing_required_parameter", "request_too_large")


@router.get(
    "/submissions",
    response_model=schemas.SubmissionList,
    responses=docs.errors("permission_denied", "invalid_value"),
)
async def list_submissions(
    gateway: Services, _admin: Admin, query: Annotated[SubmissionsQuery, Query()]
) -> JSONResponse:
    """List the submissions of unknown fate (or all), newest first, whoever owns them."""
    page = Page(flagged=query.status == "unknown", after=query.after, limit=query.limit)
    found, has_more = await gateway.submissions.list_page(page)
    return JSONResponse(submission_list(found, has_more=has_more))


@router.get(
    "/submissions/{submission_id}",
    response_model=schemas.SubmissionObject,
    responses=docs.errors("permission_denied", "not_found"),
)
async def retrieve_submission(submission_id: str, gateway: Services, _admin: Admin) -> JSONResponse:
    """Retrieve one."""
    return JSONResponse(submission_object(await gateway.submissions.get(submission_id)))


@router.post(
    "/submissions/{submission_id}/resolve",
    response_model=schemas.SubmissionObject,
    responses=docs.errors(*_INVALID, "not_found", "unsupported_media_type", "provider_unavailable"),
    openapi_extra=docs.json_body(*schemas.RESOLUTIONS),
)
async def resolve_submission(
    submission_id: str, request: Request, gateway: Services, admin: Admin, folder: Folder
) -> JSONResponse:
    """Say what became of a submission of unknown fate; an accepted one runs on. Saying it again changes nothing."""
    resolution = read_resolution(await read_body(request, folder))
    return JSONResponse(submission_object(await gateway.submissions.resolve(submission_id, resolution, admin.owner)))


def submission_list(found: list[Submission], *, has_more: bool) -> dict[str, Json]:
    """Build the public page (`schemas.SubmissionList`)."""
    data: list[Json] = [submission_object(each) for each in found]
    first, last = (found[0].row.id, found[-1].row.id) if found else (None, None)
    return {"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": has_more}


def submission_object(found: Submission) -> dict[str, Json]:
    """Build the public object (`schemas.SubmissionObject`)."""
    row, output, video = found.row, found.output, found.video
    pending = "pending" if row.phase == "submitting" else "settled"
    return {
        "id": row.id,
        "object": "submission",
        "status": "unknown" if found.unknown else pending,
        "phase": row.phase,
        "provider": row.provider,
        "endpoint": row.endpoint,
        "model": video.model,
        "video_id": video.id,
        "output_index": output.index,
        "owner": video.owner,
        "prompt": video.prompt,
        "sent_at": int(row.intent_at),
        "answered_at": None if row.answered_at is None else int(row.answered_at),
        "upstream_id": found.upstream_id,
        "cost_estimate": _estimate(found),
        "cost": None if row.cost is None else dollars(row.cost),
        "cost_currency": "USD",
        "attempts": [attempt(output.index, each) for each in output.history],
    }


def _estimate(found: Submission) -> float | None:
    """Return what it may have cost, in dollars, by the offer that was taken."""
    place = (found.row.provider, found.row.endpoint)
    taken = (each for each in offers.load(found.video.order["offers"]) if (each.provider, each.endpoint) == place)
    estimate = next((each.estimate for each in taken), None)
    return None if estimate is None else dollars(estimate)


def read_resolution(body: dict[str, object]) -> Resolution:
    """Read what the operator says. Raises GatewayError."""
    match body.get("outcome"):
        case "accepted":
            return Resolution("accepted", upstream_id=_read(schemas.Accepted, body).upstream_id)
        case "charged" if "cost_usd" in body:
            return Resolution("charged", cost=micro_dollars(_read(schemas.ChargedDollars, body).cost_usd))
        case "charged":
            return Resolution("charged", cost=_read(schemas.ChargedMicros, body).cost_micros)
        case "not_charged":
            _read(schemas.NotCharged, body)
            return Resolution("not_charged")
        case None:
            raise missing("outcome")
        case _:
            raise invalid("outcome", "Invalid outcome: expected 'accepted', 'charged' or 'not_charged'.")


def _read(model: type[M], body: dict[str, object]) -> M:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        param = str(first["loc"][0])
        if first["type"] == "missing":
            raise missing(param) from None
        raise invalid(param, f"Invalid {param}: {first['msg']}.") from None
