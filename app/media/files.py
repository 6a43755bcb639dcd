"""Write a file so that it is either whole under its name or not there at all."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from contextlib import asynccontextmanager
from typing import IO, TYPE_CHECKING

from app.media.errors import StoreFault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


_SPARE = 256 << 20  # bytes of the disk that no file may take: the database needs room, too


def check_room(folder: Path, wanted: int) -> None:
    """Raise StoreFault where a file of `wanted` bytes in the folder would leave its disk (nearly) full."""
    free = shutil.disk_usage(folder).free
    if free - wanted < _SPARE:
        raise StoreFault(
            f"the disk of the data folder has {free >> 20} MiB free, and a file of {-(-wanted >> 20)} MiB has to leave "
            f"{_SPARE >> 20}"
        )


class NewFile:
    """A file under construction; every call leaves the event loop free while the disk works."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    async def write(self, data: bytes | memoryview) -> None:
        """Append `data`. Raises OSError, for example when the disk is full."""
        await asyncio.to_thread(self._file.write, data)


@asynccontextmanager
async def new_file(target: Path) -> AsyncIterator[NewFile]:
    """Give a file that takes the name `target` when the block succeeds and disappears when it does not.

    The folder of `target` must exist; a file already at `target` is replaced. Raises OSError.
    """
    # The name is new and O_EXCL follows no link, so nothing that lies in the folder can redirect the bytes.
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.part")
    file = _create(temporary)  # at once, as the rename below: cancelled between thread and loop, either would leak
    try:
        with file:
            yield NewFile(file)
            await asyncio.to_thread(_flush, file)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _create(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
