"""Judge where a user's URL leads: its form, and the addresses its host has right now."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from app.media.errors import Busy, MediaError
from app.media.network import NetworkPolicy, is_public
from app.media.shares import Places

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.media.network import Address

_LONGEST_URL = 8192  # characters; signed URLs of object stores take up to about two thousand
_SHOWN = 200  # characters of a URL that an error message repeats
_DNS_SECONDS = 3.0
_TURN_SECONDS = 5.0  # for which a look-up waits for its turn at most
_LOOK_UPS = 64  # at once: they cost a thread each that does nothing but wait
_HTTPS_PORTS = (443,)
_LARGEST_PORT = 65535

# Threads of its own: a name server that keeps silent blocks these, and not the disk work of the whole process.
# A look-up keeps its place until its thread is free again, so there is always a thread for who has a place, and an
# owner whose names hang, for half a minute each, is out of places long before the others are.
_RESOLVERS = ThreadPoolExecutor(max_workers=_LOOK_UPS, thread_name_prefix="resolve")
_PLACES = Places(total=_LOOK_UPS, each=8)
_under_way: set[asyncio.Task[list[str]]] = set()  # an event loop keeps none of its tasks alive


@dataclass(frozen=True)
class Destination:
    """A URL that may be fetched, and the one address to connect to for it.

    `public` says that anybody on the internet can fetch it over https, and so a provider can.
    """

    url: httpx.URL
    address: Address
    public: bool

    def request(
        self, client: httpx.AsyncClient, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> httpx.Request:
        """Build a GET, or the POST of `content`, that connects to `address` but speaks for the URL's host.

        The certificate is checked against that host, too.
        """
        return client.build_request(
            "GET" if content is None else "POST",
            self.url.copy_with(host=str(self.address)),
            content=content,
            headers={
                "Host": self.url.netloc.decode("ascii"),
                "User-Agent": "reelgate",
                "Accept": "*/*",
                "Accept-Encoding": "identity",  # a small compressed body can unpack to gigabytes
                **(headers or {}),
            },
            extensions={"sni_hostname": _host(self.url)},
        )


class Resolver:
    """Turns URLs into destinations; raises MediaError("url_not_allowed") for those that policy refuses.

    Only https on these `ports` is allowed, except to where policy opens.
    """

    def __init__(self, allow: NetworkPolicy, ports: tuple[int, ...] = _HTTPS_PORTS) -> None:
        self._allow = allow
        self._ports = ports

    async def resolve(self, url: str) -> Destination:
        """Judge `url`. Also raises Busy, and MediaError("media_unavailable"): its host has no address within 3 s."""
        parsed = _parse(url)
        addresses = await _addresses(parsed)
        host = _host(parsed)
        closed = [address for address in addresses if not self._allow.opens(host, address)]
        if any(not is_public(address) for address in closed):
            raise _refusal(f"{place(parsed)}: the host is not on the public internet.{_way_in(host, closed)}")
        if closed and (parsed.scheme != "https" or parsed.port not in (None, *self._ports)):
            ports = " or ".join(map(str, self._ports))
            raise _refusal(f"{place(parsed)}: only https on port {ports} is allowed.")
        public = parsed.scheme == "https" and all(map(is_public, addresses))
        return Destination(parsed, addresses[0], public)  # getaddrinfo puts first what this machine can reach


def shown(url: httpx.URL) -> str:
    """Give the URL for a message: no query and no credentials, for these are where secrets are, and not long."""
    return f"{place(url)}{url.raw_path.partition(b'?')[0].decode('ascii')}"[:_SHOWN]


def place(url: httpx.URL) -> str:
    """Give only scheme, host and port: in the paths of webhooks are secrets, too."""
    port = "" if url.port is None else f":{url.port}"
    name = url.raw_host.decode("ascii")
    return f"{url.scheme}://{f'[{name}]' if ':' in name else name}{port}"[:_SHOWN]


def _parse(url: str) -> httpx.URL:
    if len(url) > _LONGEST_URL:
        raise _refusal(f"it is longer than {_LONGEST_URL} characters.")
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise _refusal("it is not a valid URL, such as https://example.com/picture.png.") from error
    if parsed.scheme not in ("http", "https"):
        raise _refusal("it must begin with https://.")
    if parsed.userinfo:
        raise _refusal(f"{place(parsed)}: a user name or password in the URL is not allowed; use a signed URL.")
    if not parsed.raw_host:
        raise _refusal("it names no host.")
    if (parsed.port or 0) > _LARGEST_PORT:
        raise _refusal(f"{place(parsed)}: no port is larger than {_LARGEST_PORT}.")
    return parsed


async def _addresses(url: httpx.URL) -> list[Address]:
    begun = asyncio.Event()
    asking = asyncio.create_task(_ask(_host(url), begun))
    _under_way.add(asking)
    asking.add_done_callback(_forget)
    try:
        async with asyncio.timeout(_TURN_SECONDS):
            await begun.wait()
    except TimeoutError as error:
        raise Busy(f"{place(url)} cannot be looked up just now: too many other names are. Try again.") from error
    finally:
        if not begun.is_set():
            asking.cancel()
    try:
        async with asyncio.timeout(_DNS_SECONDS):
            found = await asyncio.shield(asking)
    except (OSError, UnicodeError) as error:  # TimeoutError is an OSError
        raise MediaError("media_unavailable", f"{place(url)} cannot be reached: its host is not found.") from error
    return [ipaddress.ip_address(text) for text in found]


async def _ask(host: str, begun: asyncio.Event) -> list[str]:
    async with _PLACES.place():
        begun.set()
        return await asyncio.get_running_loop().run_in_executor(_RESOLVERS, _look_up, host)


def _forget(asking: asyncio.Task[list[str]]) -> None:
    _under_way.discard(asking)
    if not asking.cancelled():
        asking.exception()  # whoever has given up waiting does not read it, and asyncio would complain


def _look_up(host: str) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


def _way_in(host: str, closed: list[Address]) -> str:
    """Name the setting that opens the host, in the words of the URL: where its name leads is nobody's to learn here."""
    try:
        opened = NetworkPolicy.parse(host)
    except ValueError:  # an address in an odd spelling
        return ""
    if opened.everything or not all(opened.opens(host, address) for address in closed):
        return ""
    return f" If you run this gateway yourself: REELGATE_ALLOW_PRIVATE_NETWORKS={host} opens it."


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii").removesuffix(".")


def _refusal(reason: str) -> MediaError:
    return MediaError("url_not_allowed", f"The URL is not allowed: {reason}")
