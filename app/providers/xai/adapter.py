"""xAI's own video API (Grok Imagine Video).

    POST /v1/videos/{generations,edits,extensions}   → {"request_id"}
    GET  /v1/videos/{request_id}                     → 202 while it runs, then {"status", "video", "usage"}
    GET  /v1/video-generation-models                 → the models that the key may use

Authorization: Bearer, JSON only. There is no idempotent submit, no webhook, no cancel and no list of jobs. Images are
https links or data URIs in the request itself.

`storage_options.filename` could carry our id, so that a lost submit is found in the Files API. It is left out: a file
names no request, so there would be nothing to poll and no cost (docs/decisions/lost-submits.md).

Sources: docs.x.ai/developers/model-capabilities/video (overview, generation, extension),
docs.x.ai/developers/rest-api-reference/inference, and the docstrings of the Python xai-sdk 1.21. What its answers mean
is in `xai_replies`.
"""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING
from urllib.parse import quote

import structlog

from app.domain.catalogue import Mode
from app.domain.formats import AUTO
from app.providers.base import Placed
from app.providers.errors import Rejected, Unfit
from app.providers.http import Http
from app.providers.payload import prompt_text
from app.providers.xai.replies import (
    read_accepted,
    read_models,
    read_refusal,
    read_status,
    read_trouble,
    unknown_word,
)

if TYPE_CHECKING:
    from pathlib import Path

    from app.domain.jobs import Operation
    from app.domain.plain import Json
    from app.providers.base import Failed, Input, Order, Pending, Succeeded

# Images: xai-proto. Source videos: no limit of xAI's is known; 50 MB is what Comfy's router allows for edits.
_LIMITS = {"image": 10 << 20, "video": 50_000_000}  # bytes

log = structlog.get_logger()


class XaiProvider:
    """xAI with one key; `url` is where it answers, with the version."""

    name = "xai"
    title = "xAI"

    def __init__(self, key: str, *, url: str = "https://api.x.ai/v1") -> None:
        self._url = url.rstrip("/")
        self._http = Http((self._url,), {"authorization": f"Bearer {key}"})

    def build(self, order: Order) -> Json:
        """Return the body of the order."""
        return build_payload(order)

    async def submit(self, order: Order) -> Operation:
        """Order one video, once."""
        where = f"{self._url}/{order.endpoint}"
        reply = await self._http.send("POST", where, json_body=self.build(order), paid=True)
        operation = read_accepted(reply)
        if operation is None:
            raise read_refusal(reply)
        return operation

    async def poll(self, operation: Operation) -> Pending | Succeeded | Failed:
        """Ask how it stands."""
        reply = await self._http.send("GET", f"{self._url}/videos/{quote(str(operation['id']), safe='')}")
        status = read_status(reply)
        if word := unknown_word(reply):
            log.warning("unknown status", provider=self.name, word=word, operation=operation["id"])
        return status

    def adopt(self, upstream_id: str, endpoint: str) -> Operation:
        """Return the handle of a request known by its id alone; every endpoint's are asked for in the same way."""
        del endpoint
        return {"id": upstream_id}

    async def place_input(self, item: Input) -> Placed:
        """Name the caller's own link, else write the file into the request; a video is better linked than written."""
        if item.url:
            return Placed(item.url)
        if item.kind == "video" and item.link:
            return Placed(item.link)
        if item.path is None:
            raise Rejected(f"There is no {item.kind} to send to xAI.")
        return Placed(await asyncio.to_thread(_data_uri, item.path, item.content_type, item.kind))

    async def check(self) -> str:
        """Ask which video models the key may use, which costs nothing."""
        reply = await self._http.send("GET", f"{self._url}/video-generation-models")
        if not reply.ok:
            raise read_trouble(reply)
        return read_models(reply)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


def build_payload(order: Order) -> dict[str, Json]:
    """Spell an order for its endpoint; what the caller passed through can never replace what was priced.

    Edits and extensions keep the source's shape and scale (docs.x.ai, video editing and extension); an extension's
    `duration` is the added tail alone, and it takes no `user` (@ai-sdk/xai). The model may be named by the wire.
    """
    ours: dict[str, Json] = {"model": order.model, **order.wire.fixed, "prompt": prompt_text(order)}
    if order.wire.seconds and order.seconds is not None and order.mode is not Mode.EDIT:
        ours[order.wire.seconds] = order.seconds
    if order.user and order.mode is not Mode.EXTEND:
        ours["user"] = order.user
    if order.video:
        ours["video"] = {"url": order.video.url}
    else:
        ours |= _new_picture(order)
    return {**_plain(dict(order.extra)), **ours}


def _new_picture(order: Order) -> dict[str, Json]:
    """Return what only a new video has: its shape, its scale and the images it is made from."""
    chosen = ((order.wire.ratio, order.ratio), (order.wire.resolution, order.resolution))
    fields: dict[str, Json] = {name: value for name, value in chosen if name and value != AUTO}
    if order.mode is Mode.REFERENCE:
        fields["reference_images"] = [{"url": image.url} for image in order.images]
    elif order.images:
        fields["image"] = {"url": order.images[0].url}
    return fields


def _plain(extra: dict[str, object]) -> dict[str, Json]:
    """Pass the caller's own fields through: the body they came in was JSON already."""
    plain: dict[str, Json] = extra  # type: ignore[assignment]  # object is what parsed JSON is called here
    return plain


def _data_uri(path: Path, content_type: str, kind: str) -> str:
    size, limit = path.stat().st_size, _LIMITS[kind]
    if size > limit:
        raise Unfit(
            f"xAI takes an {kind} of at most {limit / (1 << 20):.3g} MiB; this one has {size / (1 << 20):.1f} MiB."
        )
    return f"data:{content_type};base64,{base64.b64encode(path.read_bytes()).decode()}"
