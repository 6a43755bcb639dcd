"""Status reads, most of all requests: answered from the snapshots before anything is routed.

What they do not know goes on to `videos.retrieve_video`, which says why something is refused and makes the snapshots.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.requests import Request

from app.api import measured
from app.api.deps import base_url, recognise
from app.api.waiting import wait_of
from app.db.session import DatabaseUnavailable
from app.domain.errors import GatewayError
from app.services.snapshots import Viewer

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from app.api.deps import Gateway
    from app.services.snapshots import Answer

_ROUTE = "/v1/videos/{video_id}"
_STATUS_READ = re.compile(r"(?:/openai)?/v1/videos/([^/]+)")


class StatusReads:
    """Answers `GET /v1/videos/{id}` where the answer is known; everything else is the app's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI scope."""
        answer = await _known(scope)
        if answer is None:
            await self._app(scope, receive, send)
            return
        measured.as_route(scope, _ROUTE)
        await send({"type": "http.response.start", "status": 200, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})


async def _known(scope: Scope) -> Answer | None:
    if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
        return None
    asked = _STATUS_READ.fullmatch(scope["path"])
    if asked is None:
        return None
    gateway: Gateway = scope["app"].state.gateway
    request = Request(scope)
    if wait_of(request.headers, None) > 0:
        return None
    try:
        caller = await recognise(request, gateway)
    except (GatewayError, DatabaseUnavailable):  # the routed answer says which, in the envelope
        return None
    return gateway.snapshots.videos.find(asked[1], Viewer(caller.owner, base_url(request, gateway)))
