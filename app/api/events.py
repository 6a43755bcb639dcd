"""/videos/{id}/events: every state of a video as server-sent events, until it has ended.

The format is WHATWG's (html.spec.whatwg.org, "Server-sent events"). A client gets the present state at once and the
newest one after each change; one that reads slowly skips what is past, so nothing piles up here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse

from app.api import docs
from app.api.deps import Client, Gateway, Services, recognise
from app.api.videos import show
from app.db.marks import mark_of
from app.db.session import DatabaseUnavailable
from app.domain.errors import GatewayError
from app.domain.webhooks import event_type

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.db.marks import Mark
    from app.db.videos import Video
    from app.domain.plain import Json

router = APIRouter(tags=["videos"])

_KEEP_ALIVE_SECONDS = 15.0  # of silence, after which a comment keeps proxies from cutting the connection
_RETRY = "retry: 1000\n\n"  # milliseconds after which a browser that was cut off comes back
_KEEP_ALIVE = ": keep-alive\n\n"
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}  # nginx would gather events up

_LAST_EVENT_DOC = "The id of the last event that you saw, as browsers send it: its state is not sent again."
_STREAM_DOC = (
    "Events `video.queued`, `video.in_progress`, then `video.completed`, `video.failed` or `video.cancelled`; the data "
    "is the video object. `video.deleted` where it was deleted meanwhile. Then the stream ends."
)
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": _STREAM_DOC, "content": {"text/event-stream": {"schema": {"type": "string"}}}},
    204: {"description": "It has ended, and you saw how: do not come back."},
    **docs.errors("video_not_found", "concurrency_limit_exceeded"),
}


@router.get("/videos/{video_id}/events", response_class=StreamingResponse, responses=_RESPONSES)
async def video_events(
    video_id: str,
    request: Request,
    gateway: Services,
    caller: Client,
    last_event_id: Annotated[str | None, Header(description=_LAST_EVENT_DOC)] = None,
) -> Response:
    """Follow one video by server-sent events: its present state, each change, its end."""
    video = await gateway.videos.get(caller.owner, video_id)
    mark = mark_of(video)
    if mark.ended and mark.id == last_event_id:
        return Response(status_code=204)  # which ends a browser's reconnecting
    gateway.feed.check_room(caller.owner)
    events = _events(request, gateway, video, last_event_id)
    return StreamingResponse(events, media_type="text/event-stream", headers=_HEADERS)


async def _events(request: Request, gateway: Gateway, video: Video, seen: str | None) -> AsyncIterator[str]:
    yield _RETRY
    told: dict[str, Json] | None = None
    video_id = video.row.id
    with gateway.feed.watch(video.row.owner, video_id) as watch:
        gateway.feed.hear(video_id)  # of what has changed since it was read
        while True:
            watch.mark = mark = mark_of(video)
            shown = show(request, gateway, video)
            if mark.id != seen and shown != told:
                yield _event(_name(mark, video.row.error_code), mark.id, shown)
            seen, told = mark.id, shown
            if mark.ended or gateway.feed.closed:
                return
            try:
                while not await watch.news(_KEEP_ALIVE_SECONDS):
                    await recognise(request, gateway)
                    yield _KEEP_ALIVE
                if not gateway.feed.closed:
                    await recognise(request, gateway)
            except (GatewayError, DatabaseUnavailable):
                return  # the key was revoked or has expired: the client comes back and is told so then
            try:
                video = await gateway.videos.get(video.row.owner, video_id)
            except GatewayError:
                yield _event("video.deleted", "deleted", {"id": video_id, "object": "video.deleted", "deleted": True})
                return
            except DatabaseUnavailable:
                return  # the client comes back and is told then


def _name(mark: Mark, error_code: str | None) -> str:
    """Name an event as webhooks do where they have it."""
    return event_type(mark.status, error_code) if mark.ended else f"video.{mark.status}"


def _event(name: str, event_id: str, data: dict[str, Json]) -> str:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))  # one line: newlines in it are escaped
    return f"event: {name}\nid: {event_id}\ndata: {text}\n\n"
