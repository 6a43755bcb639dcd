"""fal's list of past requests: GET /v1/models/requests/by-endpoint (docs.fal.ai/platform-apis/v1/models/requests).

It shows what each request said (`expand=payloads`) and when it was sent, but neither its callback URL nor anything else
of ours. So a request is recognised by its input, without the addresses of pictures and videos, which change with every
upload; Grok on fal takes no seed or other value that would tell two outputs apart. One that cannot be told from another
is not found. Whether requests that still run are listed is not documented; as `start` and `end` may speak of when they
ended, the window that is asked for is wide, and `sent_at` is looked at here.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import structlog

from app.providers.errors import Transient
from app.providers.fal.errors import trouble
from app.providers.payload import build_payload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from app.domain.plain import Json
    from app.providers.base import Order, Sent
    from app.providers.http import Http

_PAGE = 20  # requests; each may carry pictures of 64 KiB
_PAGES = 50
_LONGEST_PAGE = 32 << 20  # bytes
_PATIENCE = 20.0  # seconds
_LONGEST_JOB = 6 * 3600.0  # seconds from its submit to its end

log = structlog.get_logger()


class Lookup:
    """Looks for requests whose answer was lost."""

    def __init__(self, http: Http, api_url: str, clock: Callable[[], float]) -> None:
        self._http, self._url, self._clock = http, f"{api_url}/v1/models/requests/by-endpoint", clock

    async def find(self, sent: Sent) -> str | None:
        """Return the id of the one request that can be meant, or None. Raises ProviderError."""
        wanted = _wanted(sent.order)
        try:
            async with asyncio.timeout(_PATIENCE):
                found = {upstream_id async for row in self._rows(sent) if (upstream_id := _id_of(row, sent, wanted))}
        except TimeoutError:
            raise Transient("fal.ai's list of requests takes too long to read") from None
        if len(found) > 1:
            log.warning(
                "requests cannot be told apart", provider="fal", submission=sent.submission_id, found=len(found)
            )
        return found.pop() if len(found) == 1 else None

    async def _rows(self, sent: Sent) -> AsyncIterator[Json]:
        """Yield every request of the endpoint since then. Raises Transient where that would be too many."""
        query = {"endpoint_id": sent.endpoint, "start": _iso(sent.earliest), "expand": "payloads", "limit": str(_PAGE)}
        end = sent.latest + _LONGEST_JOB
        if end < self._clock():  # else it is now, as without it
            query["end"] = _iso(end)
        for _page in range(_PAGES):
            reply = await self._http.send("GET", f"{self._url}?{urlencode(query)}", longest=_LONGEST_PAGE)
            rows, cursor = reply.entry("items"), reply.entry("next_cursor")
            if not reply.ok or not isinstance(rows, list):
                raise trouble(reply, "the question for past requests")
            for row in rows:
                yield row
            if reply.entry("has_more") is not True or not isinstance(cursor, str):
                return
            query["cursor"] = cursor
        raise Transient(f"fal.ai lists more than {_PAGES * _PAGE} requests since the submit")


def _wanted(order: Order) -> dict[str, Json]:
    """Return what the request must say; the list of pictures is empty in an order without inputs."""
    return {name: value for name, value in build_payload(order).items() if name != order.wire.images}


def _id_of(row: Json, sent: Sent, wanted: dict[str, Json]) -> str | None:
    """Return the id of a request that can be the one that was sent; what cannot be read is none."""
    if not isinstance(row, dict):
        return None
    upstream_id, moment, said = row.get("request_id"), _moment(row.get("sent_at")), row.get("json_input")
    if not isinstance(upstream_id, str) or not upstream_id or upstream_id in sent.taken:
        return None
    if row.get("endpoint_id", sent.endpoint) != sent.endpoint or not isinstance(said, dict):
        return None
    in_time = moment is not None and sent.earliest <= moment <= sent.latest
    return upstream_id if in_time and all(said.get(name) == value for name, value in wanted.items()) else None


def _moment(value: Json) -> float | None:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
