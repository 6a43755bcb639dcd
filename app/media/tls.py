"""How certificates are checked: against the authorities that httpx knows, by one context for all clients."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    import ssl


@cache
def certificates() -> ssl.SSLContext:
    """Return the context; it takes 1 MiB and up to 30 ms to make, which a gateway that calls nobody is spared."""
    return httpx.create_ssl_context()
