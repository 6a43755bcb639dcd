"""Clients that wait, in a process of their own: plain sockets, which cost next to nothing while they do.

`python -m bench.held URL KEY CLIENTS ID,ID,...`: half of the clients wait by long poll, half by events, each for one of
the videos. It says "asked" once all have asked, and holds the connections until it is killed.
"""

from __future__ import annotations

import asyncio
import sys
from urllib.parse import urlsplit


async def wait(url: str, key: str, path: str, asked: asyncio.Semaphore) -> None:
    """Ask for a path on a connection of its own, say so, and take whatever comes."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {key}\r\n\r\n".encode())
    await writer.drain()
    asked.release()
    while await reader.read(1 << 16):
        pass


async def hold(url: str, key: str, clients: int, ids: list[str]) -> None:
    """Have so many clients wait, who come one after another."""
    asked = asyncio.Semaphore(0)
    async with asyncio.TaskGroup() as waiting:
        for number in range(clients):
            path = f"/v1/videos/{ids[number % len(ids)]}{('?wait=60', '/events')[number % 2]}"
            waiting.create_task(wait(url, key, path, asked))
            await asked.acquire()
        sys.stdout.write("asked\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(hold(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4].split(",")))
