"""Inputs where fal can read them: https://docs.fal.ai/docs/documentation/model-apis/fal-cdn.

fal reads https addresses (up to 2048 characters) and data URIs (meant for a few KB). Anything else is uploaded as its
own clients do it: `initiate` with the key, then the bytes to the signed `upload_url` without it; above 90 MB in parts.
"""

from __future__ import annotations

import asyncio
import base64
import mimetypes
from typing import TYPE_CHECKING

import httpx

from app.providers.base import Placed
from app.providers.errors import Rejected, Transient
from app.providers.fal.errors import unplaced
from app.providers.http import FilePart, origin

if TYPE_CHECKING:
    from pathlib import Path

    from app.domain.plain import Json
    from app.providers.base import Input
    from app.providers.http import Http

SMALL = 64 << 10  # bytes; pictures up to here travel in the request
LARGE = 90_000_000  # bytes; from here on @fal-ai/client uploads in parts
PART = 10 << 20  # bytes
_LONGEST_URL = 2048
_HOSTS = ("fal.media", "fal.ai", "fal.run")  # fal's own, and all below them
_HTTPS_PORT = 443


class Storage:
    """Uploads to fal's storage."""

    def __init__(self, http: Http, rest_url: str) -> None:
        self._http, self._rest = http, rest_url

    async def place(self, item: Input) -> Placed:
        """Return an address that fal can read. Raises ProviderError."""
        if item.url and item.url.startswith("https://") and len(item.url) <= _LONGEST_URL:
            return Placed(item.url)
        if item.path is None:
            if item.url:
                return Placed(item.url, "fal.ai may refuse this input: it reads https addresses of usual length")
            raise Rejected("this input has neither a file nor an address")
        kind = item.content_type or mimetypes.guess_type(item.path.name)[0] or "application/octet-stream"
        size = await asyncio.to_thread(_size, item.path)
        if item.kind == "image" and size <= SMALL:
            data = await asyncio.to_thread(item.path.read_bytes)
            return Placed(f"data:{kind};base64,{base64.b64encode(data).decode()}")
        return Placed(await self._upload(item.path, size, kind))

    async def _upload(self, path: Path, size: int, kind: str) -> str:
        in_parts = size > LARGE
        call = "initiate-multipart" if in_parts else "initiate"
        asked: Json = {"content_type": kind, "file_name": f"input{mimetypes.guess_extension(kind) or ''}"}
        url = f"{self._rest}/storage/upload/{call}?storage_type=fal-cdn-v3"
        reply = await self._http.send("POST", url, json_body=asked)
        file_url, upload_url = reply.entry("file_url"), reply.entry("upload_url")
        if not reply.ok or not isinstance(file_url, str) or not isinstance(upload_url, str):
            raise unplaced(reply, "the start of an upload")
        if not (self._is_safe(file_url) and self._is_safe(upload_url)):
            raise Transient("fal.ai named an upload address that is not its own")
        if in_parts:
            await self._put_parts(upload_url, path, size, kind)
        else:
            await self._put("PUT", upload_url, FilePart(path, 0, size), kind)
        return file_url

    async def _put_parts(self, upload_url: str, path: Path, size: int, kind: str) -> None:
        base, _, query = upload_url.partition("?")
        parts: list[Json] = []
        for start in range(0, size, PART):
            number = start // PART + 1
            part = FilePart(path, start, min(PART, size - start))
            parts.append({"partNumber": number, "etag": await self._put("PUT", f"{base}/{number}?{query}", part, kind)})
        await self._put("POST", f"{base}/complete?{query}", None, None, {"parts": parts})

    async def _put(self, method: str, url: str, data: FilePart | None, kind: str | None, body: Json = None) -> Json:
        """Send a piece, without the key: the address is signed. Returns its etag, where there is one."""
        headers = {"content-type": kind} if kind else {}
        reply = await self._http.send(method, url, content=data, json_body=body, headers=headers, with_key=False)
        if not reply.ok:
            raise unplaced(reply, "an upload")
        return reply.entry("etag")

    def _is_safe(self, url: str) -> bool:
        """Say whether a file may go there: over https to a host of fal's, or to the very host that was set up."""
        if not url.isascii() or not url.isprintable():
            return False
        try:
            parsed = httpx.URL(url)  # as the client will read it
        except httpx.InvalidURL:
            return False
        if parsed.userinfo:
            return False
        if url.startswith(f"{origin(self._rest)}/"):
            return True
        own = any(parsed.host == host or parsed.host.endswith(f".{host}") for host in _HOSTS)
        return own and parsed.scheme == "https" and parsed.port in (None, _HTTPS_PORT)


def _size(path: Path) -> int:
    return path.stat().st_size
