"""Who asks a gateway that has no keys: a program of its own network, or any web page through a visitor's browser.

Such a gateway does what it is asked by whoever reaches it, and a browser reaches even loopback for every page it shows:
by forms and scripts that send without reading the answer, and, where the page's own name is made to lead here (DNS
rebinding), by scripts that read it. Browsers tell by Host, Origin and Sec-Fetch-Site, which no page can change; other
programs send only Host.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.domain.errors import GatewayError

if TYPE_CHECKING:
    from starlette.datastructures import Headers

_READS = ("GET", "HEAD")
_PORTS = {"http": 80, "https": 443}
# What no registrar sells: RFC 6761 (localhost), RFC 6762 (local; Kubernetes' cluster.local), ICANN 2024 (internal).
_NOBODYS = (".localhost", ".local", ".internal")


def own_names(listening: str, public_url: str | None) -> frozenset[str]:
    """Return the names that the operator gave the gateway."""
    return frozenset({listening.lower(), urlsplit(public_url or "").hostname or ""} - {""})


def check_visitor(method: str, headers: Headers, names: frozenset[str], public_url: str | None) -> None:
    """Refuse what a browser may ask of a gateway without keys on behalf of a stranger's page.

    Raises GatewayError permission_denied.
    """
    host = headers.get("host")  # every browser sends one
    if host is not None and not is_own_host(host, names):
        raise GatewayError(
            "permission_denied",
            f"This gateway has no keys, so it answers to no name that a stranger's page could have, as {host[:80]!r}. "
            "Call it by its address, or let the operator set REELGATE_PUBLIC_URL to that name or make an API key.",
        )
    if is_foreign(method, headers, public_url):
        raise GatewayError(
            "permission_denied",
            "This gateway has no keys, so it answers nothing that another site's page asks. Once the operator has made "
            "an API key, whoever sends one may ask from anywhere.",
        )


def is_own_host(host: str, names: frozenset[str]) -> bool:
    """Say whether a Host header cannot be the name of a stranger's page: an address, a private name, or one of `names`.

    A name without a dot is private: it is one of this machine, this network or this Docker network.
    """
    name, _ = _place(f"http://{host}")
    return bool(name) and (name in names or "." not in name or name.endswith(_NOBODYS) or _is_address(name))


def is_foreign(method: str, headers: Headers, public_url: str | None) -> bool:
    """Say whether a browser asks for another site's page. It names the origin of every change, but hardly of a read."""
    site = headers.get("sec-fetch-site")
    if site == "cross-site" or (site == "same-site" and method not in _READS):
        return True
    origin = headers.get("origin")
    if origin is None:
        return False
    scheme = origin.partition(":")[0]
    ours = (f"{scheme}://{headers.get('host', '')}", public_url or "")
    return scheme not in _PORTS or not _place(origin)[0] or _place(origin) not in map(_place, ours)


def _place(url: str) -> tuple[str, int | None]:
    """Return host and port; the host is empty where there is none."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "", None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
