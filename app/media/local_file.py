"""Read a file of this machine for one of many clients: what the page cache holds at once, the rest in a thread.

A thread and back costs more than the bytes that it fetches (docs/performance.md), and most files are in the page cache.
"""

from __future__ import annotations

import asyncio
import os
from typing import IO, TYPE_CHECKING

from app.media.bucket import faults
from app.media.errors import StoreFault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_CHUNK = 64 << 10  # bytes; with larger ones the first byte for somebody else comes later (docs/performance.md)
_AT_ONCE: int | None = getattr(os, "RWF_NOWAIT", None)  # Linux: read no further than without waiting for the disk


async def open_chunks(path: Path, start: int, end: int) -> AsyncIterator[memoryview]:
    """Open the bytes from `start` up to `end`, or the file's end. Raises OSError; FileNotFoundError for a folder, too.

    The iterator holds one chunk at a time; it raises StoreFault where the disk fails or the file became shorter.
    """
    file = await asyncio.to_thread(_open, path)
    return _chunks(file, start, min(end, os.fstat(file.fileno()).st_size))


def _open(path: Path) -> IO[bytes]:
    try:
        return path.open("rb", buffering=0)
    except (IsADirectoryError, NotADirectoryError) as error:  # a key that only begins others, or goes on after one
        raise FileNotFoundError(path.name) from error


async def _chunks(file: IO[bytes], offset: int, end: int) -> AsyncIterator[memoryview]:
    with file, faults():
        while offset < end:
            # A new one each time: the server keeps what it could not send yet.
            buffer = bytearray(min(_CHUNK, end - offset))
            read = _cached(file, buffer, offset) or await asyncio.to_thread(_waiting, file, buffer, offset)
            if not read:
                raise StoreFault("a file became shorter while it was read")
            offset += read
            yield memoryview(buffer)[:read]
            await asyncio.sleep(0)  # a fast client never makes the server wait: others take their turn here


def _cached(file: IO[bytes], buffer: bytearray, offset: int) -> int:
    """Read what is in memory already; 0 where nothing is, or where the file system cannot tell."""
    if _AT_ONCE is None:
        return 0
    try:
        return os.preadv(file.fileno(), [buffer], offset, _AT_ONCE)
    except OSError:  # most often EAGAIN; whatever else is wrong shows when it is read in earnest
        return 0


def _waiting(file: IO[bytes], buffer: bytearray, offset: int) -> int:
    return os.preadv(file.fileno(), [buffer], offset)
