"""Where media files live: a folder now, any obstore bucket by the same calls.

A `LocalStore` writes `KEY#N` and renames it, so a key never shows half an object; but a writer that is killed leaves
`KEY#N` behind, which obstore neither lists nor deletes, and obstore never calls fsync. Both are seen to here.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from obstore.store import LocalStore

from app.media.errors import MediaError
from app.media.files import new_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from obstore.store import ObjectStore

_CHUNK = 1 << 20  # bytes
_PARTS_AT_ONCE = 4  # times obstore's 5 MiB part: what one upload may hold in memory
_KEY = re.compile(r"[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*")


@dataclass(frozen=True)
class StoredObject:
    """What is known about an object: `size` in bytes, `etag` with its quotes, `modified` in UTC."""

    size: int
    etag: str
    modified: datetime


class MediaStore:
    """Objects by key. A key is `/`-separated names of letters, digits, `_`, `.` and `-`; others raise ValueError.

    Reading a key that is not there raises MediaError("media_unavailable"). Faults of the disk or the bucket come as
    OSError or obstore's own errors: they are ours, not the user's.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._folder = objects.prefix if isinstance(objects, LocalStore) else None

    @classmethod
    def open(cls, folder: str | Path) -> MediaStore:
        """Use `folder`, which is created when missing."""
        return cls(LocalStore(Path(folder).absolute(), mkdir=True))

    async def put_file(self, key: str, path: Path, content_type: str) -> None:
        """Store the file at `path` under `key`, replacing what was there. Raises OSError when it cannot be read."""
        await self._put(key, path, content_type)

    async def put_bytes(self, key: str, data: bytes, content_type: str) -> None:
        """Store `data` under `key`, replacing what was there."""
        await self._put(key, data, content_type)

    async def _put(self, key: str, content: Path | bytes, content_type: str) -> None:
        # A folder has nowhere to keep a type, and LocalStore refuses to be given one.
        attributes = {"Content-Type": content_type} if self._folder is None else None
        await self._objects.put_async(_checked(key), content, attributes=attributes, max_concurrency=_PARTS_AT_ONCE)
        if self._folder is not None:
            await asyncio.to_thread(_make_durable, self._folder / key, self._folder)

    async def head(self, key: str) -> StoredObject:
        """Describe the object at `key`."""
        try:
            meta = await self._objects.head_async(_checked(key))
        except FileNotFoundError as error:
            raise _missing() from error
        return StoredObject(meta["size"], meta["e_tag"] or "", meta["last_modified"])

    async def stream(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes from `start` up to, not including, `end` in chunks of at most 1 MiB.

        `start` must lie inside the object (see `head`); an `end` beyond it means its end.
        """
        _checked(key)
        if start >= end:
            return  # an empty object has no range that a store would accept
        try:
            found = await self._objects.get_async(key, options={"range": (start, end)})
        except FileNotFoundError as error:
            raise _missing() from error
        async for piece in found.stream(min_chunk_size=_CHUNK):
            for offset in range(0, len(piece), _CHUNK):
                yield bytes(piece[offset : offset + _CHUNK])

    async def download(self, key: str, path: Path) -> None:
        """Copy the object to the file `path`, which appears only when it is whole. Raises OSError."""
        size = (await self.head(key)).size
        async with new_file(path) as file:
            async for chunk in self.stream(key, 0, size):
                await file.write(chunk)

    async def copy(self, source: str, target: str) -> None:
        """Store the object at `source` under `target` as well; in a folder that is a hard link and takes no space."""
        try:
            await self._objects.copy_async(_checked(source), _checked(target))
        except FileNotFoundError as error:
            raise _missing() from error
        if self._folder is not None:
            await asyncio.to_thread(_make_durable, self._folder / target, self._folder)

    async def names(self, prefix: str) -> list[str]:
        """Return the names directly under `prefix/` that have objects below them."""
        found = await self._objects.list_with_delimiter_async(_checked(prefix))
        return [path.rstrip("/").rpartition("/")[2] for path in found["common_prefixes"]]

    async def delete_prefix(self, prefix: str, *, keep: str | None = None) -> None:
        """Delete every object under `prefix/` and what killed writers left there; nothing there is fine.

        What lies under the prefix `keep` stays.
        """
        _checked(prefix)
        if self._folder is not None:
            await asyncio.to_thread(_remove_tree, self._folder / prefix, self._folder / keep if keep else None)
            return
        async for found in self._objects.list(prefix):
            doomed = [meta["path"] for meta in found if not (keep and meta["path"].startswith(f"{keep}/"))]
            await self._objects.delete_async(doomed)


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key) or any(set(name) == {"."} for name in key.split("/")):
        raise ValueError(f"not a key of the media store: {key!r}")
    return key


def _missing() -> MediaError:
    return MediaError("media_unavailable", "The file is no longer stored; it was deleted or has expired.")


def _make_durable(path: Path, root: Path) -> None:
    """Put the file and the folders that name it on the disk: the database will soon say that it exists."""
    for place in (path, *path.parents):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if place == root:
            return


def _remove_tree(folder: Path, keep: Path | None) -> None:
    if keep is not None and keep.is_relative_to(folder):
        for place in folder.iterdir() if folder.is_dir() else ():
            if place != keep and not keep.is_relative_to(place):
                _remove_tree(place, None)
        return
    while folder.is_dir():
        with suppress(FileNotFoundError):  # somebody else deletes the same files
            shutil.rmtree(folder)
