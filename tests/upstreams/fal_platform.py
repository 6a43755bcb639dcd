"""The platform API of the fake fal.ai: prices and the list of requests (fal.md §7, reliability.md §3.1).

Parameters and item fields of the list are those of docs.fal.ai/platform-apis/v1/models/requests/by-endpoint. Newest end
first; only finished requests are in it unless told otherwise: whether the real one shows running requests, what `start`
and `end` speak of, and its lag are not known. What it says to a parameter it does not know is not documented; this one
refuses it, so that nothing is asked that no document names.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from tests.upstreams.fal_jobs import Job, iso
from tests.upstreams.fal_models import ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.datastructures import QueryParams

_DAY = 24 * 3600.0
_PAGE, _LONGEST_PAGE = 50, 100
_MOST_ENDPOINTS = 50
_STATUSES = ("success", "error", "user_error")
_KNOWN = frozenset({"endpoint_id", "start", "end", "status", "request_id", "limit", "cursor", "expand"})


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
    if unknown := set(query) - _KNOWN:
        return _wrong(f"unknown parameters: {', '.join(sorted(unknown))}")
    if query.get("status", "success") not in _STATUSES or query.get("expand", "payloads") != "payloads":
        return _wrong("status or expand: invalid enum value")
    endpoints = _endpoints(query)
    if not 1 <= len(endpoints) <= _MOST_ENDPOINTS:
        return _wrong("endpoint_id: between 1 and 50 values are required")
    try:
        limit, number = int(query.get("limit", _PAGE)), _page_number(query.get("cursor"))
        start, end = (
            datetime.fromisoformat(query[name]).timestamp() if name in query else None for name in ("start", "end")
        )
    except (ValueError, binascii.Error):
        return _wrong("limit, cursor, start or end is not valid")
    if not 1 <= limit <= _LONGEST_PAGE:
        return _wrong("limit: must be between 1 and 100")
    if start is None:
        start = now - (90 if "request_id" in query else 1) * _DAY
    found = [
        job
        for job in jobs
        if job.endpoint in endpoints
        and (job.ending.at if job.ending else job.at if running else now) + lag <= now
        and (job.ending or running)
        and start <= job.at
        and (end is None or job.at < end)
        and query.get("request_id", job.id) == job.id
        and query.get("status", _outcome(job)) == _outcome(job)
    ]
    found.sort(key=lambda job: job.ending.at if job.ending else now, reverse=True)
    page = found[(number - 1) * limit : number * limit]
    more = number * limit < len(found)
    items = [_item(job, payloads="payloads" in query.getlist("expand")) for job in page]
    return JSONResponse({"items": items, "next_cursor": _cursor(number + 1) if more else None, "has_more": more})


def _cursor(number: int) -> str:
    return base64.b64encode(str(number).encode()).decode()


def _page_number(cursor: str | None) -> int:
    """Read a cursor: "encoding the page number", as in the documented "Mg=="."""
    return int(base64.b64decode(cursor, validate=True)) if cursor else 1


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
