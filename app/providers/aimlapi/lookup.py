"""AI/ML API's usage logs: GET /v2/logs (docs.aimlapi.com/api-references/service-endpoints/usage-logs).

One row per request, newest first, with the `X-Client-Request-Id` that it came with and its `inference_id`, which is the
generation's own id. There is no filter by our id, so the window around the submit is read, page by page. The rows come
from an analytics pipeline of unknown lag; whether a running video has one is not documented. What a row says of costs
is not taken: the charge is known when the video is done.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from app.providers.aimlapi.replies import read_trouble
from app.providers.errors import Transient

if TYPE_CHECKING:
    from app.domain.jobs import Operation
    from app.domain.plain import Json
    from app.providers.http import Http

_PAGE = 100  # rows
_PAGES = 10  # of the 200 questions that are allowed in a minute
_PATIENCE = 20.0  # seconds


async def find(http: Http, url: str, client_id: str, earliest: float, latest: float) -> Operation | None:
    """Return the handle of the request that came with our id between two moments (unix seconds). Raises ProviderError.

    Rows that are added meanwhile move others to a later page, never to one that was read.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            for page in range(_PAGES):
                window = {"start": _iso(earliest), "end": _iso(latest), "limit": _PAGE, "offset": page * _PAGE}
                reply = await http.send("GET", f"{url}/v2/logs?{urlencode(window)}")
                rows = reply.entry("data")
                if not reply.ok or not isinstance(rows, list):
                    raise read_trouble(reply)
                for row in rows:
                    if upstream_id := _id_of(row, client_id):
                        return {"id": upstream_id, "cost": None}
                if reply.entry("pagination", "has_more") is not True:
                    return None
    except TimeoutError:
        raise Transient("AI/ML API's logs take too long to read") from None
    return None


def _id_of(row: Json, client_id: str) -> str | None:
    """Return a row's generation if our id is on it; null stands for none, and is no match."""
    if not isinstance(row, dict) or row.get("client_request_id") != client_id:
        return None
    upstream_id = row.get("inference_id")
    return upstream_id if isinstance(upstream_id, str) and upstream_id else None


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
