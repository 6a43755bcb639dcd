"""Around every request: an id, a bounded body, no trailing slash, and an answer even when we fail."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import structlog
from starlette.requests import ClientDisconnect

from app import tracing
from app.api.errors import error_response, internal_error
from app.api.measured import measure
from app.api.noted import Answered, finish, note_error
from app.domain.errors import GatewayError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()

_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_UNKNOWN = "\ufffd"  # a character that is in no id, and in no filter that finds anything
_SERVER_ERROR = 500
_DRAIN_SECONDS = 20.0
_DRAIN_BYTES = 256 << 20
_SLOWEST = 8192  # bytes per second that a body must arrive with
_LONGEST_LENGTH = 18  # digits of a Content-Length


class RequestContext:
    """Gives each request an id, strips trailing slashes, logs writes and failures, answers 500 in the envelope.

    What a dependency puts into `request.state.answer_headers` is sent with whatever answers the request; what was
    noted for the request log is handed to it then.
    """

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
        if "\0" in path or b"%00" in scope["query_string"]:  # Postgres refuses to be asked for such an id
            scope["path"] = scope["path"].replace("\0", _UNKNOWN)
            scope["query_string"] = scope["query_string"].replace(b"%00", quote(_UNKNOWN).encode())
        headers = dict(scope["headers"])
        given, own_id = headers.get(b"x-request-id", b"").decode("latin-1"), f"req_{secrets.token_hex(12)}"
        request_id = given if _SANE_ID.fullmatch(given) else own_id
        scope.setdefault("state", {})["request_id"] = request_id
        facts = {"http.request.method": str(scope["method"]), "reelgate.request_id": request_id}
        parent = headers.get(b"traceparent", b"").decode("latin-1")
        with (
            structlog.contextvars.bound_contextvars(request_id=request_id),
            tracing.span("request", "server", facts, parent) as span,
        ):
            answered = await self._answer(scope, receive, send, own_id)
            if answered is None:
                return
            template = measure(scope, answered.status, answered.milliseconds)
            finish(scope, answered)
            span.rename(f"{scope['method']} {template}")
            span.note({"http.route": template, "http.response.status_code": answered.status})
            if answered.status >= _SERVER_ERROR:
                span.fail(str(answered.status))

    async def _answer(self, scope: Scope, receive: Receive, send: Send, own_id: str) -> Answered | None:
        """Let the app answer, or answer 500 for it, and return how that went; None where the client has gone away."""
        status, request_id, started = 0, scope["state"]["request_id"], time.perf_counter()
        asked = {"method": scope["method"], "path": scope["path"]}

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told = {"x-request-id": request_id, **scope["state"].get("answer_headers", {})}
                message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in told.items())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            log.info("the client went away", **asked)
            return None
        except Exception:
            log.exception("request failed", **asked)
            if status == 0:
                note_error(scope, "internal_error")
                await internal_error()(scope, receive, send_with_id)
            return Answered(own_id, request_id, status, _since(started))
        answered = Answered(own_id, request_id, status, _since(started))
        level = "info" if scope["method"] not in ("GET", "HEAD") else "debug"
        getattr(log, level)("request", **asked, status=status, ms=answered.milliseconds)
        return answered


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)


class BodyLimit:
    """Refuses bodies over `limit` bytes, counted as they arrive and before anything parses them.

    A body that stops arriving for `patience` seconds, or trickles, is refused as well: nobody waits for ever.
    """

    def __init__(self, app: ASGIApp, limit: int, patience: float = 30.0) -> None:
        self._app = app
        self._limit = limit
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        body = _Body(receive, self._limit, self._patience)
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and (len(declared) > _LONGEST_LENGTH or int(declared) > self._limit):
            body.refusal = _too_large(self._limit)
            if headers.get(b"expect", b"").lower() != b"100-continue":  # such a client asks before it sends
                await _drain(receive)
        else:

            async def answer(message: Message) -> None:
                if body.refusal is None:
                    await send(message)

            await self._app(scope, body.receive, answer)
        if body.refusal:  # in place of whatever the app made of it
            note_error(scope, body.refusal.code)
            await error_response(body.refusal, {"connection": "close"})(scope, receive, send)


class _Body:
    """The request body, as the app receives it."""

    def __init__(self, receive: Receive, limit: int, patience: float) -> None:
        self.refusal: GatewayError | None = None
        self._receive = receive
        self._limit = limit
        self._patience = patience
        self._bytes = 0
        self._ended = False
        self._started: float | None = None

    async def receive(self) -> Message:
        if self._ended:  # what follows a body is only the news that the client has gone
            return await self._receive()
        message = await self._next()
        self._bytes += len(message.get("body", b""))
        self._ended = not message.get("more_body")
        if self._bytes > self._limit:
            if not self._ended:
                await _drain(self._receive)
            self.refusal = _too_large(self._limit)
            raise self.refusal
        return message

    async def _next(self) -> Message:
        now = asyncio.get_running_loop().time()
        self._started = self._started or now
        latest = min(now, self._started + self._bytes / _SLOWEST) + self._patience
        try:
            async with asyncio.timeout_at(latest):
                return await self._receive()
        except TimeoutError:
            message = f"The request body stopped arriving after {self._bytes} bytes; send it again."
            self.refusal = GatewayError("invalid_value", message)
            raise self.refusal from None


def _too_large(limit: int) -> GatewayError:
    return GatewayError("request_too_large", f"The request body is too large: at most {limit >> 20} MiB are accepted.")


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
