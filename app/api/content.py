"""/videos/{id}/content: the bytes of a finished output, by key or by signed link, with ranges."""

from __future__ import annotations

import asyncio
import math
import re
from dataclasses import dataclass
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from pydantic import Field

from app.api import docs, measured
from app.api.deps import Gateway, Services, recognise
from app.api.queries import DIGITS
from app.db import videos
from app.db.videos import Video
from app.domain.errors import GatewayError
from app.domain.jobs import State
from app.media.errors import MediaError
from app.media.store import CACHING, disposition

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.db.tables import OutputRow
    from app.media.store import StoredObject

router = APIRouter(tags=["videos"])

Variant: TypeAlias = Literal["video", "thumbnail", "spritesheet"]

_FILES: dict[Variant, tuple[str, str]] = {
    "video": ("video.mp4", "video/mp4"),
    "thumbnail": ("thumbnail.webp", "image/webp"),
    "spritesheet": ("spritesheet.jpg", "image/jpeg"),
}
_DRAWING_SECONDS = 10.0  # for which a picture is waited for at most that is not drawn yet
_DIRECT_SECONDS = 600  # for which a link into the bucket is good, at most
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)", re.IGNORECASE)
_DOC: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind: {} for _, kind in _FILES.values()}, "description": "The file."},
    206: {"description": "The range asked for."},
    304: {"description": "Not modified."},
    307: {"description": "With REELGATE_MEDIA_REDIRECT: the file is in the bucket, at this address for ten minutes."},
    **docs.errors(
        "video_not_found",
        "video_not_ready",
        "range_not_satisfiable",
        "invalid_value",
        "storage_unavailable",
    ),
}


@router.get("/videos/{video_id}/content", response_class=Response, responses=_DOC)
@router.head("/videos/{video_id}/content", response_class=Response, include_in_schema=False)
async def get_content(
    video_id: str,
    request: Request,
    gateway: Services,
    variant: Variant = "video",
    index: Annotated[
        Annotated[int, Field(ge=0, le=9), DIGITS] | None,
        Query(description="The output; without it, the first that finished."),
    ] = None,
    expires: Annotated[Annotated[int, Field(ge=0, le=1 << 40), DIGITS] | None, Query()] = None,
    signature: Annotated[str | None, Query(max_length=128)] = None,
) -> Response:
    """Download the video, its thumbnail (WebP) or its spritesheet (JPEG, 4x4 frames)."""
    find = partial(_find, video_id, request, gateway, index, expires, signature)
    name, content_type = _FILES[variant]
    video = await find()
    output, key = _finished(video, index)
    stored = await _head(gateway, f"{key}/{name}", wanted=variant == "video")
    if stored is None:
        video, stored = await _wait_for_picture(request, gateway, find, index, variant)
        output, key = _finished(video, index)
    if gateway.store.direct:
        seconds = _seconds(video, expires if signature else None, gateway.links.clock())
        link = await gateway.store.link(f"{key}/{name}", "HEAD" if request.method == "HEAD" else "GET", seconds)
        return RedirectResponse(link, 307, {"cache-control": "no-store"})
    etag = f'"{output.id}-{variant}-{stored.size}"'
    headers = {
        "accept-ranges": "bytes",
        "etag": etag,
        "last-modified": format_datetime(stored.modified, usegmt=True),
        "cache-control": CACHING,
        "content-disposition": disposition(f"{video.row.id}-{output.index}.{name.rpartition('.')[2]}"),
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox",
    }
    if _known(request, etag):
        return Response(status_code=304, headers=headers)
    span = _span(request, etag, headers["last-modified"], stored)
    headers["content-length"] = str(span.end - span.start)
    if span.partial:
        headers["content-range"] = f"bytes {span.start}-{span.end - 1}/{stored.size}"
    status = 206 if span.partial else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=content_type)
    try:  # opened before the answer begins, which could not tell of a failure any more
        content = await gateway.store.read(f"{key}/{name}", span.start, span.end)
    except MediaError as error:
        raise GatewayError("video_not_found", error.message, param="video_id") from error
    return StreamingResponse(content, status, headers, media_type=content_type)


async def _find(
    video_id: str, request: Request, gateway: Gateway, index: int | None, expires: int | None, signature: str | None
) -> Video:
    """Find the video for the holder of a signed link, or for its owner."""
    video = await _known_to(video_id, request, gateway, index, expires, signature)
    if video.expired(gateway.links.clock()):
        message = f"The files of video {video.row.id} have expired: `expires_at` has passed."
        raise GatewayError("video_not_found", message, param="video_id")
    return video


async def _known_to(
    video_id: str, request: Request, gateway: Gateway, index: int | None, expires: int | None, signature: str | None
) -> Video:
    if signature is None:
        caller = await recognise(request, gateway)
        return await gateway.videos.get(caller.owner, video_id)
    if index is None or not gateway.links.allows(video_id, index, expires or 0, signature):
        raise GatewayError("invalid_api_key", "The link has expired or was altered; retrieve the video for a new one.")
    async with gateway.database.read() as session:
        video = await videos.get_of_any(session, video_id)
    if video is None:
        raise GatewayError("video_not_found", f"Video {video_id[:80]!r} not found.", param="video_id")
    return video


def _finished(video: Video, index: int | None) -> tuple[OutputRow, str]:
    """Return the output and where it is stored. Raises GatewayError video_not_found or video_not_ready."""
    output = video.output(index)
    if output is None:
        message = f"Video {video.row.id} has {len(video.outputs)} output(s), numbered from 0; there is no {index}."
        raise GatewayError("video_not_found", message, param="index")
    if output.media_key is None:
        failed = output.state == State.FAILED
        state = (
            f"failed: {(output.error_message or 'no reason is known').rstrip('.')}" if failed else "is not ready yet"
        )
        message = f"Output {output.index} of video {video.row.id} {state}."
        raise GatewayError("video_not_ready", message, param="video_id")
    return output, output.media_key


async def _head(gateway: Gateway, key: str, *, wanted: bool = True) -> StoredObject | None:
    """Describe a stored file. One that is `wanted` and not there is a GatewayError video_not_found."""
    try:
        return await gateway.store.head(key)
    except MediaError as error:
        if wanted:
            raise GatewayError("video_not_found", error.message, param="video_id") from error
        return None


async def _wait_for_picture(
    request: Request, gateway: Gateway, find: Callable[[], Awaitable[Video]], index: int | None, variant: Variant
) -> tuple[Video, StoredObject]:
    """Return a picture that is being drawn. Raises GatewayError video_not_ready, video_not_found."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _DRAWING_SECONDS
    video = await find()
    if gateway.feed.has_room(video.row.owner):
        measured.held(request.scope)
        with gateway.feed.watch(video.row.owner, video.row.id) as watch:
            heard = True
            while heard and not gateway.feed.closed:
                video = await find()  # each look of the feed is news: the watch knows no mark
                heard = _is_drawing(_finished(video, index)[0]) and await watch.news(until - loop.time())
    output, key = _finished(video, index)
    stored = await _head(gateway, f"{key}/{_FILES[variant][0]}", wanted=False)
    if stored is not None:
        return video, stored
    if _is_drawing(output):
        message = f"The {variant} of output {output.index} of video {video.row.id} is not drawn yet; ask again soon."
        raise GatewayError("video_not_ready", message, param="variant", retry_after=1)
    message = f"Output {output.index} of video {video.row.id} has no {variant}: none could be drawn, or it was deleted."
    raise GatewayError("video_not_found", message, param="variant")


def _is_drawing(output: OutputRow) -> bool:
    """Say whether pictures of a finished output may still come: they are drawn before it is cleaned up."""
    return output.cleanup


def _seconds(video: Video, link_ends: int | None, now: float) -> int:
    """Say how long a link into the bucket may live: no longer than what it was given for."""
    ends = (now + _DIRECT_SECONDS, link_ends or math.inf, video.row.expires_at or math.inf)
    return max(1, int(min(ends) - now))


def _known(request: Request, etag: str) -> bool:
    """Read If-None-Match (RFC 9110, 13.1.2): `*` or a list of tags, weak ones as good as strong."""
    tags = [tag.strip() for line in request.headers.getlist("if-none-match") for tag in line.split(",")]
    return tags == ["*"] or etag in [tag.removeprefix("W/") for tag in tags]


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    partial: bool


def _span(request: Request, etag: str, modified: str, stored: StoredObject) -> _Span:
    """Read the Range header (RFC 9110, 14.2): one range; anything else means the whole file."""
    whole = _Span(0, stored.size, partial=False)
    match = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if match is None or not any(match.groups()) or request.headers.get("if-range", etag) not in (etag, modified):
        return whole
    first, last = match.groups()
    if not first:
        start, end = max(0, stored.size - _number(last)), stored.size
    else:
        start, end = _number(first), min(stored.size, _number(last) + 1) if last else stored.size
        if last and _number(last) < start:
            return whole
    if start >= end:
        raise _Unsatisfiable(stored.size)
    return _Span(start, end, partial=True)


def _number(digits: str) -> int:
    """Read a place in a file; beyond 18 digits every place is as far outside as the next."""
    return int((digits.lstrip("0") or "0")[:19])


class _Unsatisfiable(GatewayError):
    """A range beyond the file; the answer says how long the file is."""

    def __init__(self, size: int) -> None:
        super().__init__("range_not_satisfiable", f"The range lies outside the file of {size} bytes.", param="Range")
        self.headers = {"content-range": f"bytes */{size}"}
