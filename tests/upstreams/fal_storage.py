"""Uploads and the CDN of the fake fal.ai (fal.md §4.1 and §4.3).

What a client needs no key for must not get one: keys that arrive at the CDN are written down as leaks.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.upstreams.fal_checks import NO_USER, refusal
from tests.upstreams.fal_jobs import iso

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from tests.upstreams.clock import Clock
    from tests.upstreams.ledger import Ledger

_TOKEN_SECONDS = 3600
_NOT_FOUND = 404, "File not found"


class Storage:
    """The files, by URL path; `produced(path)` renders what jobs made, `guard(request)` refuses a wrong key."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        guard: Callable[[Request], Response | None],
        produced: Callable[[str], Awaitable[bytes | None]],
    ) -> None:
        self._ledger, self._clock, self._guard, self._produced = ledger, clock, guard, produced
        self.clear()

    def clear(self) -> None:
        """Forget every file."""
        self.files: dict[str, bytes] = {}
        self._types: dict[str, str] = {}
        self._signatures: dict[str, str] = {}  # of initiated uploads, by path
        self._parts: dict[str, dict[int, bytes]] = {}  # of multipart uploads, by path
        self._tokens: set[str] = set()

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/storage/auth/token", self._token, methods=["POST"]),
            Route("/storage/upload/initiate", self._initiate, methods=["POST"]),
            Route("/storage/upload/initiate-multipart", self._initiate, methods=["POST"]),
            Route("/files/upload", self._upload, methods=["POST"]),
            Route("/files/upload/multipart", self._upload_multipart, methods=["POST"]),
            Route("/files/{rest:path}", self._put, methods=["PUT"]),
            Route("/files/{rest:path}", self._complete, methods=["POST"]),
            Route("/files/{rest:path}", self._get, methods=["GET"]),
        ]

    def _new(self, name: str, content_type: str) -> str:
        path = f"/files/b/{secrets.token_hex(4)}/{secrets.token_urlsafe(15)}_{re.sub(r'[^A-Za-z0-9._-]', '_', name)}"
        self._types[path] = content_type
        return path

    async def _token(self, request: Request) -> Response:
        if refused := self._guard(request):
            return refused
        token = secrets.token_urlsafe(24)
        self._tokens.add(token)
        expires = iso(self._clock.now() + _TOKEN_SECONDS)
        base = str(request.base_url).rstrip("/")
        return JSONResponse({"token": token, "token_type": "Bearer", "base_url": base, "expires_at": expires})

    async def _initiate(self, request: Request) -> Response:
        if refused := self._guard(request):
            return refused
        asked = await request.json()
        path = self._new(asked["file_name"], asked["content_type"])
        self._signatures[path] = secrets.token_hex(16)
        if request.url.path.endswith("-multipart"):
            self._parts[path] = {}
        url = str(request.base_url).rstrip("/") + path
        return JSONResponse({"file_url": url, "upload_url": f"{url}?signature={self._signatures[path]}"})

    def _has_token(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme == "Key":
            self._ledger.leaked(request.url.path)
        return scheme == "Bearer" and token in self._tokens

    async def _upload(self, request: Request) -> Response:
        if not self._has_token(request):
            return refusal(401, NO_USER)
        path = self._new(request.headers.get("x-fal-file-name", "file"), request.headers["content-type"])
        self.files[path] = await request.body()
        return JSONResponse({"access_url": str(request.base_url).rstrip("/") + path})

    async def _upload_multipart(self, request: Request) -> Response:
        if not self._has_token(request):
            return refusal(401, NO_USER)
        path = self._new(request.headers.get("x-fal-file-name", "file"), request.headers["content-type"])
        self._parts[path] = {}
        return JSONResponse({"access_url": str(request.base_url).rstrip("/") + path, "uploadId": "upload-1"})

    async def _put(self, request: Request) -> Response:
        path = request.url.path
        part = re.fullmatch(r"(.+?)(?:/multipart/[^/]+)?/(\d+)", path)
        if part and part[1] in self._parts:
            if refused := self._unsigned(request, part[1]):
                return refused
            body = await request.body()
            self._parts[part[1]][int(part[2])] = body
            etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
            return JSONResponse({"partNumber": int(part[2]), "etag": etag}, headers={"etag": etag})
        if path not in self._signatures:
            return refusal(*_NOT_FOUND)
        if refused := self._unsigned(request, path):
            return refused
        self.files[path] = await request.body()
        return Response()

    def _unsigned(self, request: Request, path: str) -> Response | None:
        """Return the 403 for an upload that has neither the signature of its URL nor a token."""
        has_token = self._has_token(request)
        if path in self._signatures:
            has_token = request.query_params.get("signature") == self._signatures[path]
        return None if has_token else refusal(403, "Invalid signature")

    async def _complete(self, request: Request) -> Response:
        found = re.fullmatch(r"(.+?)(?:/multipart/[^/]+)?/complete", request.url.path)
        if not found or found[1] not in self._parts:
            return refusal(*_NOT_FOUND)
        if refused := self._unsigned(request, found[1]):
            return refused
        parts = self._parts[found[1]]
        listed = sorted(part["partNumber"] for part in (await request.json())["parts"])
        if listed != sorted(parts):
            return refusal(400, "Parts do not match")
        self.files[found[1]] = b"".join(parts[number] for number in listed)
        return JSONResponse({})

    async def _get(self, request: Request) -> Response:
        path = request.url.path
        if "authorization" in request.headers:
            self._ledger.leaked(path)
        data = self.files.get(path) or await self._produced(path)
        if data is None:
            return refusal(*_NOT_FOUND)
        kind = self._types.get(path, "video/mp4")
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        if not asked:
            return Response(data, media_type=kind, headers={"accept-ranges": "bytes"})
        first, last = int(asked[1]), min(int(asked[2] or len(data) - 1), len(data) - 1)
        if first > last:
            return Response(status_code=416, headers={"content-range": f"bytes */{len(data)}"})
        headers = {"accept-ranges": "bytes", "content-range": f"bytes {first}-{last}/{len(data)}"}
        return Response(data[first : last + 1], 206, headers, kind)
