"""Ports for what cannot be told to take a free one by itself."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

# Below those that Linux gives to whoever connects or asks for any: between the choice and its use nobody is given it.
_OURS = range(20_000, 32_000)


def free_port() -> int:
    """Choose a port of loopback that nothing listens on."""
    while True:
        port = random.choice(_OURS)  # noqa: S311 - no secret
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
