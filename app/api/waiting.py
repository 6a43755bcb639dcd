"""Long polls: how long a client wants its answer held, and holding it."""

from __future__ import annotations

import asyncio
import math
import re
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from app.api import measured
from app.api.deps import recognise
from app.db.marks import mark_of
from app.services.feed import spread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request

    from app.api.deps import Gateway
    from app.db.videos import Video
    from app.services.accounts import Caller
    from app.services.feed import Watch

LONGEST_WAIT = 60.0  # seconds that an answer is held at most
_TRUSTED_SECONDS = 15.0  # for which a waiter's key is taken to be good; the news that it was revoked comes at once
_HELPER_WAIT = 25.0  # seconds for SDKs that did not ask for it: proxies in between often cut after 30
_PREFER_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?=$|[,;])", re.IGNORECASE)
_OWN_INTERVALS = ("x-stainless-custom-poll-interval", "x-stainless-poll-interval")  # Python's and Go's


def wait_of(headers: Mapping[str, str], asked: float | None) -> float:
    """Return for how many seconds the answer may be held: as `?wait` (`asked`) says, else `Prefer`, else the SDK.

    Never longer than half of what the client waits for an answer itself.
    """
    if asked is None:
        preferred = _PREFER_WAIT.search(headers.get("prefer", ""))
        if preferred:
            asked = float(preferred[1])
        elif headers.get("x-stainless-poll-helper") == "true" and not any(name in headers for name in _OWN_INTERVALS):
            asked = _HELPER_WAIT
        else:
            return 0.0
    return min(asked, LONGEST_WAIT, _patience(headers) / 2)


def _patience(headers: Mapping[str, str]) -> float:
    """Return the seconds after which the client gives an answer up, infinite where it does not tell."""
    try:
        seconds = float(headers.get("x-stainless-read-timeout", "inf"))
    except ValueError:
        return math.inf
    return seconds if seconds >= 0 else math.inf  # NaN, too


async def hold(request: Request, gateway: Gateway, caller: Caller, video_id: str, seconds: float) -> tuple[Video, bool]:
    """Return a video once it has ended or the time is over, and whether it was waited for all that time.

    Where too many wait already, or too many with this key, or the gateway stops, it is returned at once. Raises
    GatewayError video_not_found, missing_ or invalid_api_key where the key has ended meanwhile; ClientDisconnect.
    """
    if seconds <= 0 or not gateway.feed.has_room(caller.owner):
        return await gateway.videos.read(caller, video_id), False
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    measured.held(request.scope)
    with gateway.feed.watch(caller.owner, video_id, only_end=True) as watch:
        video = await gateway.videos.read(caller, video_id)
        leaving = asyncio.create_task(_follow(request, watch))
        try:
            while not mark_of(video).ended and not gateway.feed.closed:
                heard = await watch.news(min(until - loop.time(), spread(_TRUSTED_SECONDS)))
                if leaving.done():
                    raise ClientDisconnect
                if not gateway.feed.closed:
                    await recognise(request, gateway)
                if not heard and loop.time() < until:
                    continue
                video = await gateway.videos.read(caller, video_id)
                if not heard:
                    return video, True
        finally:
            leaving.cancel()
    return video, False


async def _follow(request: Request, watch: Watch) -> None:
    """Wake the waiter when its client has gone; no server tells a handler by itself."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    watch.end()
