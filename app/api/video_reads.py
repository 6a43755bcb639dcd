"""GET /videos and /videos/{id}: the list and one video, for their owner and, on request, for admins.

What an owner reads is kept as a snapshot. What an admin reads of others is not: owners ask again and again, and theirs
would have to make way for it.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from app.api import docs, schemas
from app.api.deps import Client, Gateway, Services, base_url
from app.api.queries import EVERYBODY, ListQuery
from app.api.videos import answer, show
from app.api.waiting import hold, wait_of
from app.db.videos import Page
from app.domain.errors import GatewayError
from app.services.accounts import Caller
from app.services.snapshots import Answer, Viewer

router = APIRouter(tags=["videos"])

_WAIT_DOC = (
    "Seconds, up to 60, for which the answer is held until the video has ended; then it is answered as it is. "
    "`Prefer: wait=N` says the same, and `create_and_poll` of OpenAI's SDKs needs neither."
)
_POLL_WAITED_MS = 250  # what a client is told that has just waited: it shall come back soon to wait on
_NEVER = 0.0  # until when an answer is kept that is not to be kept


@router.get("/videos", response_model=schemas.VideoList, responses=docs.errors("invalid_value", "permission_denied"))
async def list_videos(
    request: Request,
    gateway: Services,
    caller: Client,
    query: Annotated[ListQuery, Query()],
) -> Response:
    """List your videos, newest first; with an admin key and `key_id`, another key's or everybody's."""
    if query.key_id is not None:
        return Ready(await _list(request, gateway, whose(caller, query.key_id), query))
    viewer = Viewer(caller.owner, base_url(request, gateway))
    asked, pages = f"{viewer.owner} {request.url.query}", gateway.snapshots.pages
    look = partial(_list, request, gateway, viewer.owner, query)
    return Ready(pages.find(asked, viewer) or await pages.read(asked, viewer, look))


def whose(caller: Caller, key_id: str) -> str | None:
    """Return the owner of the videos that an admin asks for by `key_id`; None for everybody's. Raises GatewayError."""
    if caller.role != "admin":
        message = "key_id: only an admin key sees other keys' videos; leave it out to see your own."
        raise GatewayError("permission_denied", message, param="key_id")
    return None if key_id == EVERYBODY else key_id


async def _list(request: Request, gateway: Gateway, owner: str | None, query: ListQuery) -> Answer:
    page = Page(
        after=query.after,
        limit=query.limit,
        ascending=query.order == "asc",
        status=query.status,
        model=query.model,
        provider=query.provider,
        prompt=query.prompt,
        created_after=query.created_after,
        created_before=query.created_before,
    )
    found, has_more = await gateway.videos.list_page(owner, page)
    data = [show(request, gateway, video, keyed=query.key_id is not None) for video in found]
    ids = [video.row.id for video in found]
    shown = JSONResponse(
        {
            "object": "list",
            "data": data,
            "first_id": ids[0] if ids else None,
            "last_id": ids[-1] if ids else None,
            "has_more": has_more,
        }
    )
    now = gateway.links.clock()
    until = min((video.expires_after(now) for video in found), default=math.inf)
    return Answer(bytes(shown.body), tuple(shown.raw_headers), until)


@router.get(
    "/videos/{video_id}",
    response_model=schemas.VideoToRead,
    responses=docs.errors("video_not_found", "invalid_value"),
)
async def retrieve_video(
    video_id: str,
    request: Request,
    gateway: Services,
    caller: Client,
    wait: Annotated[float | None, Query(ge=0, description=_WAIT_DOC)] = None,
) -> Response:
    """Retrieve one video; with `wait`, once it has ended. An admin key retrieves everybody's."""
    seconds = wait_of(request.headers, wait)
    if seconds > 0:
        video, waited = await hold(request, gateway, caller, video_id, seconds)
        poll_ms = _POLL_WAITED_MS if waited else None
        return answer(request, gateway, video, poll_ms=poll_ms, keyed=video.row.owner != caller.owner)

    async def look() -> Answer:
        video = await gateway.videos.read(caller, video_id)
        mine = video.row.owner == caller.owner
        shown = answer(request, gateway, video, keyed=not mine)
        until = video.expires_after(gateway.links.clock()) if mine else _NEVER
        return Answer(bytes(shown.body), tuple(shown.raw_headers), until)

    return Ready(await gateway.snapshots.videos.read(video_id, Viewer(caller.owner, base_url(request, gateway)), look))


class Ready(Response):
    """An answer that was made before."""

    def __init__(self, answer: Answer) -> None:
        self.status_code, self.background = 200, None
        self.body, self.raw_headers = answer.body, list(answer.headers)
