"""The platform API of the fake fal.ai: prices and the list of requests (fal.md §7, reliability.md §3.1).

The list's item fields are as public clients read them; only finished requests are in it, newest end first, unless told
otherwise: whether the real one shows running requests, and its lag, is not known.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from tests.upstreams.fal_jobs import Job, iso
from tests.upstreams.fal_models import ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.datastructures import QueryParams

_DAY = 24 * 3600.0
_PAGE = 100
_MOST_ENDPOINTS = 50


def _wrong(message: str) -> Response:
    return JSONResponse({"error": {"type": "validation_error", "message": message}}, 400)


def _endpoints(query: QueryParams) -> list[str]:
    return [name for value in query.getlist("endpoint_id") for name in value.split(",") if name]


def prices(query: QueryParams) -> Response:
    """Answer GET /v1/models/pricing."""
    found = [
        {"endpoint_id": name, "unit_price": ENDPOINTS[name].price.unit / 1e6, "unit": "units", "currency": "USD"}
        for name in _endpoints(query) or ENDPOINTS
        if name in ENDPOINTS
    ]
    return JSONResponse({"prices": found, "next_cursor": None, "has_more": False})


def requests_by_endpoint(query: QueryParams, jobs: Iterable[Job], now: float, *, lag: float, running: bool) -> Response:
    """Answer GET /v1/models/requests/by-endpoint."""
    endpoints = _endpoints(query)
    if not 1 <= len(endpoints) <= _MOST_ENDPOINTS:
        return _wrong("endpoint_id: between 1 and 50 values are required")
    try:
        limit, offset = int(query.get("limit", _PAGE)), int(query.get("cursor", 0))
        start, end = (
            datetime.fromisoformat(query[name]).timestamp() if name in query else None for name in ("start", "end")
        )
    except ValueError:
        return _wrong("limit, cursor, start or end is not valid")
    if not 1 <= limit <= _PAGE:
        return _wrong("limit: must be between 1 and 100")
    if start is None:
        start = now - (90 if "request_id" in query else 1) * _DAY
    found = [
        job
        for job in jobs
        if job.endpoint in endpoints
        and (running or (job.ending and job.ending.at + lag <= now))
        and start <= job.at <= (now if end is None else end)
        and query.get("request_id", job.id) == job.id
        and query.get("status", _outcome(job)) == _outcome(job)
    ]
    found.sort(key=lambda job: job.ending.at if job.ending else now, reverse=True)
    page = found[offset : offset + limit]
    more = offset + limit < len(found)
    items = [_item(job, payloads="payloads" in query.getlist("expand")) for job in page]
    return JSONResponse({"items": items, "next_cursor": str(offset + limit) if more else None, "has_more": more})


def _outcome(job: Job) -> str:
    if not job.ending:
        return "running"
    return "success" if job.ending.status == 200 else "error" if job.ending.status >= 500 else "user_error"


def _item(job: Job, *, payloads: bool) -> dict[str, Any]:
    ending = job.ending
    item = {
        "request_id": job.id,
        "endpoint_id": job.endpoint,
        "sent_at": iso(job.at),
        "started_at": iso(job.starts),
        "ended_at": iso(ending.at) if ending else None,
        "status_code": ending.status if ending else None,
        "duration": round(ending.at - job.starts, 3) if ending else None,
    }
    if payloads:
        item |= {"json_input": job.given if job.stored else None}
        item |= {"json_output": ending.body if ending and job.stored else None}
    return item
