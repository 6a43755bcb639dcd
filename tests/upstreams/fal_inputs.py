"""The files that a job of the fake fal.ai is given: read from a data URI, its own CDN or, if told to, from loopback."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import av
import httpx
from PIL import Image, UnidentifiedImageError

from tests.upstreams.fal_checks import DOWNLOAD_FAILED, mistake

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.upstreams.fal_models import Endpoint

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_UNKNOWN = (1280, 720, 8.0)  # of an input on the internet, which a test cannot reach


class Unreadable(Exception):
    """An input could not be fetched; says which."""

    def __init__(self, detail: dict[str, Any]) -> None:
        super().__init__(detail["msg"])
        self.detail = detail


@dataclass(frozen=True)
class Given:
    """What is known of an input: px and seconds (0 for a picture)."""

    width: int
    height: int
    seconds: float


async def read_files(endpoint: Endpoint, values: Mapping[str, Any], cdn: Mapping[str, bytes]) -> list[Given]:
    """Fetch every file of an input; `cdn` are our own files by URL path. Raises Unreadable."""
    found = []
    for name in endpoint.files:
        value = values.get(name) or []
        for place, url in (
            [((name,), value)] if isinstance(value, str) else [((name, i), u) for i, u in enumerate(value)]
        ):
            try:
                found.append(await _read(url, cdn))
            except (ValueError, LookupError, OSError, httpx.HTTPError):
                raise Unreadable(mistake("file_download_error", DOWNLOAD_FAILED, *place, input=url)) from None
    return found


async def _read(url: str, cdn: Mapping[str, bytes]) -> Given:
    parts = urlsplit(url)
    if parts.scheme == "data":
        head, _, data = parts.path.partition(",")
        return _look(base64.b64decode(data, validate=True) if head.endswith(";base64") else data.encode())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("only https, http and data")
    if parts.path in cdn:
        return _look(cdn[parts.path])
    if parts.hostname.endswith(".invalid"):
        raise LookupError("no such host")
    if parts.hostname not in _LOOPBACK:
        return Given(*_UNKNOWN)
    async with httpx.AsyncClient(follow_redirects=True, timeout=60) as http:
        return _look((await http.get(url)).raise_for_status().content)


def _look(data: bytes) -> Given:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return Given(*picture.size, 0)
    except UnidentifiedImageError:
        pass
    try:
        with av.open(io.BytesIO(data), "r") as film:
            if not film.streams.video:
                return Given(0, 0, (film.duration or 0) / av.time_base)
            track = film.streams.video[0]
            # n seconds are n x 24 + 1 pictures here
            return Given(track.width, track.height, max(track.frames - 1, 1) / float(track.average_rate or 24))
    except av.FFmpegError as error:
        raise ValueError("neither picture nor film") from error
