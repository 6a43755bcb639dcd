"""AI/ML API (aimlapi.com): one path for every video model, two calls.

    POST /v2/video/generations                       → {"id", "status", "meta": {"usage": …}}
    GET  /v2/video/generations?generation_id=<id>    → {"id", "status", "video" | "error", …}
    GET  /v2/logs                                    → {"data": [{"client_request_id", "inference_id", …}], …}
    GET  /v2/billing                                 → {"current_balance", "currency"}

Authorization: Bearer, JSON only. There is no idempotent submit, no webhook, no cancel and no upload for media; our own
id travels in `X-Client-Request-Id`, by which `aimlapi_lookup` finds a submit whose answer was lost. Cost comes with the
answer to the submit.

Sources: docs.aimlapi.com/api-references/video-models/xai/grok-imagine-video (the two calls) and
docs.aimlapi.com/capabilities/request-tracing-and-cost (headers), as of github.com/aimlapi/api-docs f14fa72. What its
answers mean is in `aimlapi_replies`.
"""

from __future__ import annotations

import asyncio
import base64
import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import structlog

from app.providers import payload
from app.providers.aimlapi.lookup import find
from app.providers.aimlapi.replies import (
    describe_balance,
    read_accepted,
    read_balance,
    read_refusal,
    read_status,
    read_trouble,
    unknown_word,
)
from app.providers.base import Placed
from app.providers.errors import Unfit
from app.providers.http import Http

if TYPE_CHECKING:
    from pathlib import Path

    from app.domain.jobs import Operation
    from app.domain.plain import Json
    from app.providers.base import Failed, Input, Order, Pending, Sent, Succeeded
    from app.providers.http import Reply

_GENERATIONS = "/v2/video/generations"
_BILLING = "/v2/billing"
_ILLEGAL = re.compile(r"[^A-Za-z0-9._:-]")  # an X-Client-Request-Id with one of these is silently dropped
_LONGEST_ID = 128
_IMAGE_LIMIT = 10 << 20  # bytes; xAI's own limit, which Grok's requests end at
_UNDOCUMENTED = (
    "AI/ML API's documents name only links for this model's images; the image was sent as a data URI. "
    "Send a public https link, or set REELGATE_PUBLIC_URL."
)

log = structlog.get_logger()


class AimlApiProvider:
    """AI/ML API with one key; `url` is where it answers, without the version."""

    name = "aimlapi"
    title = "AI/ML API"
    lists_all = False
    by_likeness = False

    def __init__(self, key: str, *, url: str = "https://api.aimlapi.com") -> None:
        self._url = url.rstrip("/")
        self._http = Http((self._url,), {"authorization": f"Bearer {key}"})

    def build(self, order: Order) -> Json:
        """Return the body of the order."""
        return build_payload(order)

    async def submit(self, order: Order) -> Operation:
        """Order one video, once; the handle holds its id and what it costs."""
        headers = {"x-client-request-id": client_id(order.submission_id)}
        where = self._url + _GENERATIONS
        reply = await self._http.send("POST", where, json_body=self.build(order), headers=headers, paid=True)
        operation = read_accepted(reply)
        if operation is None:
            raise read_refusal(reply)
        return operation

    async def poll(self, operation: Operation) -> Pending | Succeeded | Failed:
        """Ask how it stands."""
        query = urlencode({"generation_id": str(operation["id"])})
        reply = await self._http.send("GET", f"{self._url}{_GENERATIONS}?{query}")
        cost = operation.get("cost")
        status = read_status(reply, cost if isinstance(cost, int) else None)
        if word := unknown_word(reply):
            log.warning("unknown status", provider=self.name, word=word, operation=operation["id"])
        return status

    def adopt(self, upstream_id: str, endpoint: str) -> Operation:
        """Return the handle of a generation known by its id alone; every endpoint's are asked for in the same way."""
        del endpoint
        return {"id": upstream_id}

    async def place_input(self, item: Input) -> Placed:
        """Name the caller's own link or ours; else write an image into the request, which nobody promises to work."""
        if address := item.url or item.link:
            return Placed(address)
        if item.kind == "video" or item.path is None:
            raise Unfit("AI/ML API reads videos by link only: send a public https link, or set REELGATE_PUBLIC_URL.")
        return Placed(await asyncio.to_thread(_data_uri, item.path, item.content_type), _UNDOCUMENTED)

    async def find_submission(self, sent: Sent) -> Operation | None:
        """Look our id up in the usage logs."""
        return await find(self._http, self._url, client_id(sent.submission_id), sent.earliest, sent.latest)

    async def check(self) -> str:
        """Ask for the balance, which costs nothing."""
        return describe_balance(read_balance(await self._billing()))

    async def balance(self) -> float | None:
        """Ask what is left."""
        left = read_balance(await self._billing())
        return None if left is None else float(left)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _billing(self) -> Reply:
        reply = await self._http.send("GET", self._url + _BILLING)
        if not reply.ok:
            raise read_trouble(reply)
        return reply


def build_payload(order: Order) -> dict[str, Json]:
    """Spell the order as its model wants it; `model` is the endpoint, whatever else was passed through."""
    return {**payload.build_payload(order), "model": order.endpoint}


def client_id(submission_id: str) -> str:
    """Write our id in the letters that AI/ML API keeps: 1 to 128 of [A-Za-z0-9._:-]."""
    return _ILLEGAL.sub("-", submission_id)[:_LONGEST_ID]


def _data_uri(path: Path, content_type: str) -> str:
    size = path.stat().st_size
    if size > _IMAGE_LIMIT:
        raise Unfit(
            f"The image has {size / (1 << 20):.1f} MiB; without a link AI/ML API gets at most {_IMAGE_LIMIT >> 20} MiB."
        )
    return f"data:{content_type};base64,{base64.b64encode(path.read_bytes()).decode()}"
