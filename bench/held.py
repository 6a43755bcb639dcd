"""Clients that wait, in a process of their own: plain sockets, which cost next to nothing while they do.

`python -m bench.held URL KEY CLIENTS ID,ID,...`: half of the clients wait by long poll, half by events, each for one of
the videos. It says "asked" once all have asked, and holds the connections until it is killed.
"""

from __future__ import annotations

import asyncio
import sys
from urllib.parse import urlsplit


async def wait(url: str, key: str, path: str) -> asyncio.StreamReader:
    """Ask for a path on a connection of its own."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {key}\r\n\r\n".encode())
    await writer.drain()
    return reader


async def read(reader: asyncio.StreamReader) -> None:
    """Take whatever comes."""
    while await reader.read(1 << 16):
        pass


async def hold(url: str, key: str, clients: int, ids: list[str]) -> None:
    """Have so many clients wait."""
    paths = [f"/v1/videos/{ids[n % len(ids)]}{('?wait=60', '/events')[n % 2]}" for n in range(clients)]
    readers = [await wait(url, key, path) for path in paths]
    sys.stdout.write("asked\n")
    sys.stdout.flush()
    await asyncio.gather(*map(read, readers))


if __name__ == "__main__":
    asyncio.run(hold(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4].split(",")))
