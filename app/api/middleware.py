"""Around every request: an id, a bounded body, no trailing slash, and an answer even when we fail."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from typing import TYPE_CHECKING

import structlog

from app.api.errors import error_response, internal_error
from app.domain.errors import GatewayError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()

_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_DRAIN_SECONDS = 20.0
_DRAIN_BYTES = 256 << 20


class RequestContext:
    """Gives each request an id, strips trailing slashes, logs writes and failures, answers 500 in the envelope."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = str(scope["path"])
        if len(path) > 1 and path.endswith("/"):
            scope["path"] = path.rstrip("/") or "/"
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _SANE_ID.fullmatch(given) else f"req_{secrets.token_hex(12)}"
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            except Exception:
                log.exception("request failed", method=scope["method"], path=path)
                if status == 0:
                    await internal_error()(scope, receive, send_with_id)
                return
            milliseconds = round((time.perf_counter() - started) * 1000, 1)
            level = "info" if scope["method"] not in ("GET", "HEAD") else "debug"
            getattr(log, level)("request", method=scope["method"], path=path, status=status, ms=milliseconds)


class BodyLimit:
    """Refuses bodies over `limit` bytes, counted as they arrive and before anything parses them."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._limit:
            await _drain(receive)
            await error_response(self._refusal())(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                await _drain(receive)
                raise self._refusal()
            return message

        await self._app(scope, counted, send)

    def _refusal(self) -> GatewayError:
        return GatewayError("request_too_large", f"The request body is larger than {self._limit >> 20} MiB.")


async def _drain(receive: Receive) -> None:
    """Read on for a while: a client that is still sending does not look for an answer, it sees a broken pipe."""
    dropped = 0
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while dropped < _DRAIN_BYTES:
                message = await receive()
                dropped += len(message.get("body", b""))
                if not message.get("more_body"):
                    return
    except TimeoutError:
        return
