"""Post a webhook to where its receiver is, without being led into the operator's network.

What downloads keep to (`media.fetch`) holds here as well: one look-up, a connection to the very address that was
judged, no proxy, no cookies. Redirects are not followed, and of an answer only its beginning is read.
"""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import httpx

from app.media.destination import Resolver, place
from app.media.errors import Busy, MediaError
from app.media.tls import certificates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.media.network import NetworkPolicy

_PORTS = (443, 8443)
_TOTAL_SECONDS = 15.0
_ANSWER_BYTES = 1024  # that are kept
_ANSWER_SECONDS = 2.0  # for which they are waited for; the status has said all that counts
_SECONDS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Posted:
    """How a receiver took it: the status of its answer (None: there was none), why there was none, and how it began.

    `wish` is its Retry-After in seconds, `milliseconds` how long it took.
    """

    status: int | None
    reason: str | None
    answer: str | None
    wish: float | None
    milliseconds: int

    @property
    def arrived(self) -> bool:
        """Say whether the receiver has it: only a 2xx says so."""
        return self.status is not None and httpx.codes.is_success(self.status)


class Poster:
    """Posts to https URLs on public addresses, ports 443 and 8443, and to whatever `allow` opens."""

    def __init__(self, allow: NetworkPolicy) -> None:
        self._resolver = Resolver(allow, _PORTS)

    async def check(self, url: str) -> None:
        """Judge a URL without connecting. Raises MediaError url_not_allowed; a host that is not found may come yet."""
        try:
            await self._resolver.resolve(url)
        except MediaError as error:
            if error.code == "url_not_allowed":
                raise

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Posted:
        """Post `body` and say how that went; it takes 15 seconds at most. Raises Busy alone: nothing was tried."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(_TOTAL_SECONDS), self._client() as client:
                destination = await self._resolver.resolve(url)
                response = await client.send(destination.request(client, headers, body), stream=True)
                try:
                    return _posted(began, response, await _beginning(response))
                finally:
                    await response.aclose()
        except Busy:
            raise
        except MediaError as error:
            return _failed(began, error.message)
        except TimeoutError:
            return _failed(began, f"There was no answer within {_TOTAL_SECONDS:g} s.")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return _failed(began, f"{place(httpx.URL(url))}: {_reason(error)}.")

    def _client(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=0)
        cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        patience = httpx.Timeout(_TOTAL_SECONDS)
        return httpx.AsyncClient(
            verify=certificates(),
            trust_env=False,
            follow_redirects=False,
            timeout=patience,
            limits=limits,
            cookies=cookies,
        )


async def _beginning(response: httpx.Response) -> bytes:
    """Read how the answer begins; one that breaks off or never ends is an answer all the same."""
    read = b""
    with suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(_ANSWER_SECONDS):
            async for chunk in response.aiter_raw():
                read += chunk
                if len(read) >= _ANSWER_BYTES:
                    break
    return read[:_ANSWER_BYTES]


def _posted(began: float, response: httpx.Response, beginning: bytes) -> Posted:
    text = "".join(
        char if char.isprintable() or char in "\n\t" else "\ufffd" for char in beginning.decode(errors="replace")
    )
    reason = "A redirect is not followed." if response.is_redirect else None
    return Posted(response.status_code, reason, text, _wish(response.headers), _since(began))


def _failed(began: float, reason: str) -> Posted:
    return Posted(None, reason, None, None, _since(began))


def _since(began: float) -> int:
    return round(1000 * (time.monotonic() - began))


def _wish(headers: httpx.Headers) -> float | None:
    """Read Retry-After: seconds, or a moment by the receiver's own clock."""
    wish = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(wish):
        return float(wish)
    with suppress(ValueError, OverflowError):  # what is no date, and one beyond all of them
        sent = headers.get("date")
        now = parsedate_to_datetime(sent).timestamp() if sent else time.time()
        return max(0.0, parsedate_to_datetime(wish).timestamp() - now)
    return None


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.ConnectError):
        encrypted = error.request.url.scheme == "https"
        return f"it cannot be reached{', or its certificate is not valid for this name' if encrypted else ''}"
    return "it breaks off or does not speak HTTP"
