"""/videos/{id}/events: every state of a video as server-sent events, until it has ended; /videos/events: of all videos.

The format is WHATWG's (html.spec.whatwg.org, "Server-sent events"). A client gets the newest state after each change,
and of one video the present one first; one that reads slowly skips what is past, so nothing piles up here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from app.api import docs
from app.api.deps import Client, Gateway, Services, recognise
from app.api.queries import KeyId
from app.api.video_reads import whose
from app.api.videos import show
from app.db.marks import mark_of
from app.db.session import DatabaseUnavailable
from app.domain.errors import GatewayError
from app.domain.webhooks import event_type
from app.services.feed import spread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.db.videos import Video
    from app.domain.plain import Json
    from app.services.accounts import Caller

router = APIRouter(tags=["videos"])

_KEEP_ALIVE_SECONDS = 15.0  # of silence, after which a comment keeps proxies from cutting the connection
_RETRY = "retry: 1000\n\n"  # milliseconds after which a browser that was cut off comes back
_KEEP_ALIVE = ": keep-alive\n\n"
_READY = "event: videos.ready\ndata: {}\n\n"
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}  # nginx would gather events up

_LAST_EVENT_DOC = "The id of the last event that you saw, as browsers send it: its state is not sent again."
_STREAM_DOC = (
    "Events `video.queued`, `video.in_progress`, then `video.completed`, `video.failed` or `video.cancelled`; the data "
    "is the video object. `video.deleted` where it was deleted meanwhile. Then the stream ends."
)
# Before OpenAPI 3.2 there is no word for a stream: tools take the schema for that of each event.
_EVENT = {"type": "object", "properties": {name: {"type": "string"} for name in ("event", "id", "data")}}
_EVENTS = {"text/event-stream": {"schema": _EVENT}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": _STREAM_DOC, "content": _EVENTS},
    204: {"description": "It has ended, and you saw how: do not come back."},
    **docs.errors("video_not_found", "concurrency_limit_exceeded"),
}
_ALL_DOC = (
    "`videos.ready` once every change is told: list your videos then. After it, for each that is made or changes, "
    "`video.queued`, `video.in_progress`, `video.completed`, `video.failed` or `video.cancelled` with the video "
    "object, and `video.deleted`. It goes on until you hang up; after every reconnect, list again."
)
_ALL_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": _ALL_DOC, "content": _EVENTS},
    **docs.errors("concurrency_limit_exceeded", "permission_denied", "invalid_value"),
}


@router.get("/videos/events", response_class=StreamingResponse, responses=_ALL_RESPONSES)
async def all_video_events(
    request: Request, gateway: Services, caller: Client, key_id: Annotated[KeyId, Query()] = None
) -> Response:
    """Follow all your videos by server-sent events; with an admin key and `key_id`, another key's or everybody's."""
    followed = caller.owner if key_id is None else whose(caller, key_id)
    gateway.feed.check_room(caller.owner)
    changes = _changes(request, gateway, caller.owner, followed, keyed=key_id is not None)
    return StreamingResponse(changes, media_type="text/event-stream", headers=_HEADERS)


async def _changes(
    request: Request, gateway: Gateway, owner: str, followed: str | None, *, keyed: bool
) -> AsyncIterator[str]:
    yield _RETRY
    ready = False
    with gateway.following.follow(owner, followed) as follower:
        while True:
            news = await follower.news(spread(_KEEP_ALIVE_SECONDS))
            if gateway.feed.closed or follower.overrun:
                return  # the client comes back, and lists anew
            try:
                caller = await recognise(request, gateway)
            except (GatewayError, DatabaseUnavailable):
                return  # the key was revoked or has expired: the client comes back and is told so then
            if keyed and caller.role != "admin":
                return
            if follower.begun and not ready:
                ready = True
                yield _READY
            elif not news:
                yield _KEEP_ALIVE
            for video_id, video in news.items():
                yield _deleted(video_id) if video is None else _state(video, show(request, gateway, video, keyed=keyed))


@router.get("/videos/{video_id}/events", response_class=StreamingResponse, responses=_RESPONSES)
async def video_events(
    video_id: str,
    request: Request,
    gateway: Services,
    caller: Client,
    last_event_id: Annotated[str | None, Header(description=_LAST_EVENT_DOC)] = None,
) -> Response:
    """Follow one video by server-sent events: its present state, each change, its end."""
    video = await gateway.videos.read(caller, video_id)
    mark = mark_of(video)
    if mark.ended and mark.id == last_event_id:
        return Response(status_code=204)  # which ends a browser's reconnecting
    gateway.feed.check_room(caller.owner)
    events = _events(request, gateway, caller, video, last_event_id)
    return StreamingResponse(events, media_type="text/event-stream", headers=_HEADERS)


async def _events(
    request: Request, gateway: Gateway, caller: Caller, video: Video, seen: str | None
) -> AsyncIterator[str]:
    yield _RETRY
    told: dict[str, Json] | None = None
    video_id, owner = video.row.id, video.row.owner
    with gateway.feed.watch(caller.owner, video_id) as watch:
        gateway.feed.hear(video_id)  # of what has changed since it was read
        while True:
            watch.mark = mark = mark_of(video)
            shown = show(request, gateway, video, keyed=owner != caller.owner)
            if mark.id != seen and shown != told:
                yield _state(video, shown, mark.id)
            seen, told = mark.id, shown
            if mark.ended or gateway.feed.closed:
                return
            try:
                while not await watch.news(spread(_KEEP_ALIVE_SECONDS)):
                    await recognise(request, gateway)
                    yield _KEEP_ALIVE
                if not gateway.feed.closed:
                    caller = await recognise(request, gateway)
            except (GatewayError, DatabaseUnavailable):
                return  # the key was revoked or has expired: the client comes back and is told so then
            if not caller.may_read(owner):
                return
            try:
                video = await gateway.videos.read(caller, video_id)
            except GatewayError:
                yield _deleted(video_id, "deleted")
                return
            except DatabaseUnavailable:
                return  # the client comes back and is told then


def _state(video: Video, shown: dict[str, Json], event_id: str | None = None) -> str:
    """Tell of a video as it is, by the name that webhooks have for that, where they have one."""
    status, error_code = video.row.status, video.row.error_code
    return _event(event_type(status, error_code) if mark_of(video).ended else f"video.{status}", shown, event_id)


def _deleted(video_id: str, event_id: str | None = None) -> str:
    return _event("video.deleted", {"id": video_id, "object": "video.deleted", "deleted": True}, event_id)


def _event(name: str, data: dict[str, Json], event_id: str | None) -> str:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))  # one line: newlines in it are escaped
    known = f"id: {event_id}\n" if event_id else ""
    return f"event: {name}\n{known}data: {text}\n\n"
