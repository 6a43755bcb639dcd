"""GETs, which cost nothing and may be repeated: over kept connections, at a tenth of what httpx takes for one.

A gateway polls some hundred times a second. Whether a request has left does not matter here; where it does, `http` uses
httpx (docs/decisions/httpx-for-paid-requests.md).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import httptools
import httpx

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

_CONNECT_SECONDS, _ANSWER_SECONDS = 5.0, 60.0  # each for the whole of it
_IDLE_SECONDS = 60.0  # for which a connection is kept, unless its server closes it: that is noticed at once
_MOST_IDLE = 32  # connections to one origin
_LONGEST_HEAD = 64 << 10  # bytes


class UnreachableError(Exception):
    """No connection could be made."""


class NoAnswerError(Exception):
    """What came back, if anything did, is no answer."""


@dataclass(slots=True)
class Answer:
    """An answer as it came; the names of its headers in small letters."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


class Gets:
    """Connections to any number of origins. It follows no redirects, keeps no cookies and heeds no proxy."""

    def __init__(self) -> None:
        self._idle: dict[str, list[_Connection]] = {}

    async def get(self, url: str, headers: Mapping[str, str], longest: int) -> Answer:
        """Ask once and return the answer of `longest` bytes at most. Raises UnreachableError, NoAnswerError."""
        parts = urlsplit(url)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        told = {"host": parts.netloc, "accept-encoding": "identity", **headers}
        lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items()), "", ""]
        request, origin = "\r\n".join(lines).encode("latin-1"), f"{parts.scheme}://{parts.netloc}"
        if any(len(line.splitlines()) > 1 for line in lines):
            raise NoAnswerError("the request has a line break in it")
        connection = self._kept(origin) or await _connect(parts.scheme, parts.hostname or "", parts.port)
        return await self._ask(origin, connection, request, longest)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    def _kept(self, origin: str) -> _Connection | None:
        """Take the connection that was used last, if it is open yet; the others may grow old."""
        kept, now = self._idle.get(origin, []), asyncio.get_running_loop().time()
        while kept:
            connection = kept.pop()
            if connection.is_open and now < connection.idle_since + _IDLE_SECONDS:
                return connection
            connection.close()
        return None

    async def _ask(self, origin: str, connection: _Connection, request: bytes, longest: int) -> Answer:
        loop, reusable = asyncio.get_running_loop(), False
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                answer = await connection.ask(request, longest)
            reusable = connection.is_open
        except TimeoutError:
            raise NoAnswerError(f"there was none within {_ANSWER_SECONDS:g} s") from None
        finally:
            idle = self._idle.setdefault(origin, [])
            if reusable and len(idle) < _MOST_IDLE:
                connection.idle_since = loop.time()
                idle.append(connection)
            else:
                connection.close()
        return answer


async def _connect(scheme: str, host: str, port: int | None) -> _Connection:
    context = _certificates() if scheme == "https" else None
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, connection = await asyncio.get_running_loop().create_connection(
                _Connection, host, port or (443 if context else 80), ssl=context, happy_eyeballs_delay=0.25
            )
    except (OSError, ValueError) as error:  # a TimeoutError, an SSLError and a host that is not found are OSErrors
        raise UnreachableError(str(error) or type(error).__name__) from error
    return connection


@cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context()


class _Connection(asyncio.Protocol):
    """One connection, which asks one thing at a time."""

    def __init__(self) -> None:
        self.is_open, self.idle_since = True, 0.0
        self._answer = Answer()
        self._coming: asyncio.Future[Answer] | None = None  # while one is waited for

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    async def ask(self, request: bytes, longest: int) -> Answer:
        """Send a request and return the answer. Raises NoAnswerError."""
        self._answer, self._room = Answer(), longest + _LONGEST_HEAD
        self._parser = httptools.HttpResponseParser(self)
        self._coming = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._coming
        finally:
            self._coming = None

    def close(self) -> None:
        self.is_open = False
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        if self._coming is None:  # nobody asked
            self.close()
            return
        self._room -= len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"it is not HTTP: {error}")
        if self._room < 0:
            self._fail("it is too long")

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        bounded = self._answer.headers.keys() & {"content-length", "transfer-encoding"}
        if self._answer.status and not bounded and exc is None:  # its end is the connection's
            self.on_message_complete()
        self._fail(f"the connection was closed{f' ({exc})' if exc else ''}")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._answer.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._answer.body += body

    def on_message_complete(self) -> None:
        if self._answer.status < HTTPStatus.OK:  # there is more to come
            self._answer = Answer()
            return
        self.is_open = self.is_open and self._parser.should_keep_alive()
        if self._coming and not self._coming.done():
            self._coming.set_result(self._answer)

    def _fail(self, why: str) -> None:
        if self._coming and not self._coming.done():
            self._coming.set_exception(NoAnswerError(why))
