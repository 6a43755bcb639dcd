"""Download what a user's URL names, without being led into the operator's network.

The name is resolved once and the connection goes to exactly the address that was judged, so a name that resolves
differently a moment later changes nothing. The certificate is still checked against the name.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import httpx

from app.media.destination import Resolver, shown
from app.media.errors import MediaError
from app.media.files import check_room, new_file
from app.media.tls import certificates

if TYPE_CHECKING:
    from pathlib import Path

    from app.media.network import NetworkPolicy

_MOST_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PATIENCE = httpx.Timeout(connect=5.0, read=15.0, write=15.0, pool=5.0)  # s
_TOTAL_SECONDS = 60.0
RESULT_RATE = 128 << 10  # bytes per second: what a result, which was paid for, must come at on average
_CHUNK = 1 << 18  # bytes
_LOOK_AFTER = 64 << 20  # bytes between two looks at the disk, which others fill at the same time
_BUSY = frozenset({408, 425, 429})
_DECIMAL = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class FetchedFile:
    """A download: its file, the type the server declared (not to be trusted) and its size in bytes."""

    path: Path
    content_type_header: str | None
    size: int


class TooLarge(MediaError):
    """The file is larger than it may be, and will be so the next time."""


class Fetcher:
    """Fetch https URLs on public addresses, and whatever `allow` opens.

    A download may take 60 s; with `least_rate`, in bytes per second, as much longer as it comes at that rate or faster.
    Raises MediaError: "url_not_allowed" when policy refuses, "media_unavailable" when the file cannot be had; among
    these TooLarge.
    """

    def __init__(self, allow: NetworkPolicy, least_rate: int | None = None) -> None:
        self._least_rate = least_rate
        self._resolver = Resolver(allow)

    async def check(self, url: str) -> bool:
        """Judge the URL and the addresses of its host without connecting; say whether providers can fetch it, too."""
        return (await self._resolver.resolve(url)).public

    async def fetch(self, url: str, target: Path, max_bytes: int) -> FetchedFile:
        """Download `url` to `target`, which appears only when it is whole.

        Follows at most 3 redirects and judges each anew. Also raises OSError when `target` cannot be written, and
        StoreFault when the disk has no room for it.
        """
        try:
            async with asyncio.timeout(_TOTAL_SECONDS) as limit, self._client() as client:
                return await self._follow(client, url, _Saving(url, target, max_bytes, limit, self._least_rate))
        except TimeoutError as error:
            rate = f", or came slower than {self._least_rate >> 10} KiB/s" if self._least_rate else ""
            raise _unavailable(url, f"it took longer than {_TOTAL_SECONDS:g} s{rate}", passing=True) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _unavailable(url, _reason(error), passing=isinstance(error, httpx.TransportError)) from error

    def _client(self) -> httpx.AsyncClient:
        # No connection is kept: one to an address could otherwise be reused for another name at that address, whose
        # certificate was never checked. Cookies would likewise go by address.
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=0)
        cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        return httpx.AsyncClient(
            verify=certificates(), trust_env=False, timeout=_PATIENCE, limits=limits, cookies=cookies
        )

    async def _follow(self, client: httpx.AsyncClient, url: str, saving: _Saving) -> FetchedFile:
        following = url
        for _ in range(_MOST_REDIRECTS + 1):
            destination = await self._resolver.resolve(following)
            response = await client.send(destination.request(client), stream=True)
            try:
                if response.status_code not in _REDIRECTS:
                    return await saving.save(response)
                following = str(destination.url.join(response.headers.get("location", "")))
            finally:
                await response.aclose()
        raise _unavailable(url, f"it redirects more than {_MOST_REDIRECTS} times")


@dataclass(frozen=True, slots=True)
class _Saving:
    """One download: what it may take, and where it goes. `limit` ends it."""

    url: str
    target: Path
    max_bytes: int
    limit: asyncio.Timeout
    least_rate: int | None

    async def save(self, response: httpx.Response) -> FetchedFile:
        """Write the answer's body to the target."""
        stated = self._judge(response)
        if stated > self.max_bytes:
            raise self._too_large()
        began = asyncio.get_running_loop().time()
        size, looked_at = 0, -_LOOK_AFTER
        async with new_file(self.target) as file:
            async for chunk in response.aiter_raw(_CHUNK):
                if size - looked_at >= _LOOK_AFTER:
                    await asyncio.to_thread(check_room, self.target.parent, max(stated - size, len(chunk)))
                    looked_at = size
                size += len(chunk)
                if size > self.max_bytes:
                    raise self._too_large()
                await file.write(chunk)
                if self.least_rate:
                    self.limit.reschedule(began + _TOTAL_SECONDS + size / self.least_rate)
        return FetchedFile(self.target, response.headers.get("content-type"), size)

    def _judge(self, response: httpx.Response) -> int:
        """Return the length that an answer states, 0 for none. Raises MediaError for one that is no file."""
        if response.status_code != httpx.codes.OK:
            passing = response.status_code in _BUSY or response.is_server_error
            raise _unavailable(self.url, f"the server answers with status {response.status_code}", passing=passing)
        if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise _unavailable(self.url, "the server compresses the file although it was asked not to")
        stated = response.headers.get("content-length", "")
        return int(stated) if _DECIMAL.fullmatch(stated) else 0

    def _too_large(self) -> TooLarge:
        reason = f"the file is larger than {self.max_bytes / (1 << 20):g} MiB"
        return TooLarge("media_unavailable", _told(self.url, reason))


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        return f"connecting takes longer than {_PATIENCE.connect:g} s"
    if isinstance(error, httpx.ReadTimeout):
        return f"the server sends nothing for {_PATIENCE.read:g} s"
    if isinstance(error, httpx.ConnectError):
        encrypted = error.request.url.scheme == "https"  # where a redirect may have led
        return f"the server cannot be reached{', or its certificate is not valid for this name' if encrypted else ''}"
    return "the server breaks off or does not speak HTTP"


def _unavailable(url: str, reason: str, *, passing: bool = False) -> MediaError:
    return MediaError("media_unavailable", _told(url, reason), passing=passing)


def _told(url: str, reason: str) -> str:
    return f"{shown(httpx.URL(url))} cannot be fetched: {reason}."
