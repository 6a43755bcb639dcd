"""One HTTP client per provider: sends once, reads a bounded answer, and says what a failure means for a payment.

What only asks goes by aiohttp, which takes a tenth of the processor time for it. The rest goes by httpx, whose
exceptions say whether a request has left: "it never left" is the one thing that must not be said wrongly here
(docs/decisions/httpx-for-paid-requests.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from app.providers.errors import Indeterminate, Transient, Unsent

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Mapping
    from pathlib import Path

    from aiohttp import ClientSession

    from app.domain.plain import Json

_PATIENCE = httpx.Timeout(60.0, connect=5.0, pool=5.0)  # seconds without a byte
_READ_SECONDS = 120.0  # for the whole of an answer: one may also come a byte a minute
# Many servers close what has idled for five seconds; a paid request that arrives at that moment has an unknown fate.
_REUSE = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2.0)
_MOST_ASKING = 128  # connections, so that no poll waits for one: their lane has 64 places
_ANSWER_LIMIT = 4 << 20  # bytes
_CHUNK = 256 << 10  # bytes of a file that are in memory at a time
_SHOWN = 500  # characters of an answer that messages quote
_LONGEST_RETRY = 300.0  # seconds
_UNSENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
    httpx.InvalidURL,
)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `body` is the parsed JSON, or None where it is none; `text` its beginning, for messages."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Json = None
    text: str = ""

    @property
    def ok(self) -> bool:
        """Say whether the status is 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the class of statuses

    def entry(self, *names: str) -> Json:
        """Look into nested objects; None wherever the path ends."""
        here = self.body
        for name in names:
            here = here.get(name) if isinstance(here, dict) else None
        return here

    @property
    def retry_after(self) -> float:
        """Seconds the answer asks to wait, within reason; 5 where it does not say. A moment is by its own clock."""
        wish = self.headers.get("retry-after", "")
        with contextlib.suppress(ValueError):
            return min(_LONGEST_RETRY, max(0.0, float(wish)))
        with contextlib.suppress(ValueError, OverflowError):  # what is no date, and one beyond all of them
            moment = parsedate_to_datetime(wish).timestamp()
            sent = self.headers.get("date")
            now = parsedate_to_datetime(sent).timestamp() if sent else time.time()
            return min(_LONGEST_RETRY, max(0.0, moment - now))
        return 5.0


@dataclass(frozen=True, slots=True)
class FilePart:
    """A piece of a file to send, `size` bytes from `start` on: read as it leaves, never held as a whole."""

    path: Path
    start: int
    size: int

    async def chunks(self) -> AsyncIterator[bytes]:
        """Read it bit by bit; a file that has become shorter makes the send fail, for its length was announced."""
        with await asyncio.to_thread(self.path.open, "rb") as file:
            file.seek(self.start)
            left = self.size
            while chunk := await asyncio.to_thread(file.read, min(_CHUNK, left)):
                left -= len(chunk)
                yield chunk


class Http:
    """Sends with the provider's key, and only to the origins it was given."""

    def __init__(self, origins: tuple[str, ...], headers: Mapping[str, str]) -> None:
        self._origins = frozenset(map(origin, origins))
        self._headers = dict(headers)
        self._keys = [value.rpartition(" ")[2].encode() for value in headers.values()]
        self._asking: ClientSession | None = None  # made when it is needed
        self._client = httpx.AsyncClient(timeout=_PATIENCE, limits=_REUSE, trust_env=False, follow_redirects=False)

    async def send(
        self,
        method: str,
        url: str,
        *,
        json_body: Json = None,
        content: bytes | FilePart | None = None,
        headers: Mapping[str, str] | None = None,
        paid: bool = False,
        with_key: bool = True,
        longest: int = _ANSWER_LIMIT,
    ) -> Reply:
        """Send one request, once, and return the answer whatever its status; `longest` is the most bytes it may have.

        Raises Unsent when it provably never left, Transient when it did and cost nothing; Indeterminate when a `paid`
        request may have been carried out. A URL of another origin gets no key: it raises ValueError unless
        `with_key` is off.
        """
        if with_key and origin(url) not in self._origins:
            raise ValueError(f"the key must not go to {origin(url)}")
        sent = {"accept": "application/json", **(self._headers if with_key else {}), **(headers or {})}
        if json_body is not None:
            content = json.dumps(json_body).encode()
            sent["content-type"] = "application/json"
        if isinstance(content, FilePart):
            sent["content-length"] = str(content.size)
        body = content.chunks() if isinstance(content, FilePart) else content
        if method == "GET" and body is None:
            return await self._get(url, sent, longest)
        try:
            async with (
                self._client.stream(method, url, content=body, headers=sent) as answer,
                asyncio.timeout(_READ_SECONDS),
            ):
                raw = await _read(answer.aiter_bytes(), longest)
        except _UNSENT as error:
            raise Unsent(f"cannot reach {origin(url)}: {error or type(error).__name__}") from error
        except (httpx.HTTPError, _TooLongError, TimeoutError) as error:
            what = f"no usable answer from {origin(url)}: {error or type(error).__name__}"
            raise Indeterminate(what) if paid else Transient(what) from error
        return _reply(answer.status_code, answer.headers, raw, self._keys)

    async def _get(self, url: str, headers: Mapping[str, str], longest: int) -> Reply:
        import aiohttp  # noqa: PLC0415 - memory that a gateway without such a provider does not need
        from yarl import URL  # noqa: PLC0415 - as above

        if self._asking is None:
            self._asking = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_MOST_ASKING),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(_READ_SECONDS, sock_connect=_PATIENCE.connect, sock_read=_PATIENCE.read),
            )
        try:
            async with self._asking.get(URL(url, encoded=True), headers=headers, allow_redirects=False) as answer:
                raw = await _read(answer.content.iter_any(), longest)
        except aiohttp.ClientConnectorError as error:
            raise Unsent(f"cannot reach {origin(url)}: {error}") from error
        except (aiohttp.ClientError, _TooLongError, TimeoutError) as error:
            raise Transient(f"no usable answer from {origin(url)}: {error or type(error).__name__}") from error
        return _reply(answer.status, {name.lower(): value for name, value in answer.headers.items()}, raw, self._keys)

    async def close(self) -> None:
        """Close the connections."""
        if self._asking is not None:
            await self._asking.close()
        await self._client.aclose()


class _TooLongError(Exception):
    """The answer is longer than any real one."""


async def _read(chunks: AsyncIterable[bytes], longest: int) -> bytearray:
    raw = bytearray()
    async for chunk in chunks:
        raw += chunk
        if len(raw) > longest:
            raise _TooLongError(f"more than {longest >> 20} MiB")
    return raw


def _reply(status: int, headers: Mapping[str, str], raw: bytearray, keys: list[bytes]) -> Reply:
    """Read an answer. Some repeat the key they refuse, in words that clients and logs are told: it is taken out."""
    for key in keys:
        raw = raw.replace(key, b"[key]")
    body: Json = None
    with contextlib.suppress(ValueError, RecursionError):
        body = json.loads(raw)
    text = raw[: _SHOWN * 4].decode("utf-8", "replace")[:_SHOWN]
    return Reply(status, dict(headers), body, text)


def origin(url: str) -> str:
    """Return scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
