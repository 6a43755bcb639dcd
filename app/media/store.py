"""Where media files live: a folder, or a bucket by the same calls.

A `LocalStore` writes `KEY#N` and renames it, so a key never shows half an object; but a writer that is killed leaves
`KEY#N` behind, which obstore neither lists nor deletes, and obstore never calls fsync. Both are seen to here.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import obstore
from obstore.store import AzureStore, GCSStore, LocalStore, S3Store

from app.media.bucket import ANSWER_SECONDS, faults, open_bucket
from app.media.errors import MediaError, StoreFault
from app.media.files import check_room, new_file
from app.media.folder import last_changes, make_durable, prune, remove_tree
from app.media.local_file import open_chunks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from obstore import Attributes, GetResult
    from obstore.store import ObjectStore

_CHUNK = 1 << 20  # bytes
_PARTS_AT_ONCE = 4  # times obstore's 5 MiB part: what one upload may hold in memory; a disk takes one at a time
_GONE = os.strerror(errno.ENOENT)
_PUTS = 200  # times that an object is put into a folder once more, because a deletion took its place away
_LIST_PAGE = 1000  # objects; S3 lists and deletes no more at once
CACHING = "private, max-age=3600"  # for what never changes and is not for everybody
_KEY = re.compile(r"[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*")


@dataclass(frozen=True)
class StoredObject:
    """What is known about an object: `size` in bytes, `etag` with its quotes, `modified` in UTC."""

    size: int
    etag: str
    modified: datetime


class MediaStore:
    """Objects by key. A key is `/`-separated names of letters, digits, `_`, `.` and `-`; others raise ValueError.

    Reading a key that is not there raises MediaError("media_unavailable"). A disk or bucket that fails raises
    StoreFault: that is ours, not the user's. A bucket that is gone looks like one without the object.

    `direct` says that clients are to be sent to the bucket by `link`, rather than be given what `read` returns.
    """

    def __init__(self, objects: ObjectStore, *, direct: bool = False) -> None:
        self._objects = objects
        self._folder = objects.prefix if isinstance(objects, LocalStore) else None
        self.direct = direct

    @classmethod
    def open(cls, place: str | Path, *, direct: bool = False) -> MediaStore:
        """Use a folder, which is created when missing, or the bucket of a URL. Raises ValueError, StoreFault."""
        if "://" in str(place):
            return cls(open_bucket(str(place)), direct=direct)
        with faults():
            return cls(LocalStore(Path(place).absolute(), mkdir=True))

    async def probe(self) -> None:
        """Write, read, list and delete a small object of its own. Raises StoreFault with what cannot be done."""
        key, content = f"probes/{secrets.token_hex(8)}", secrets.token_bytes(16)
        try:
            await self.put_bytes(f"{key}/probe", content, "application/octet-stream")
            found = b"".join([chunk async for chunk in await self.read(f"{key}/probe", 0, len(content))])
            await self.delete_prefix(key)
            with suppress(MediaError):
                await self.head(f"{key}/probe")
                raise StoreFault("an object that was deleted is still there")
        except MediaError:
            raise StoreFault("an object that was stored is not there") from None
        if found != content:
            raise StoreFault("an object that was stored came back different")
        if self.direct:
            await self.link(f"{key}/probe", "GET", 1)

    async def put_file(self, key: str, path: Path, content_type: str, filename: str | None = None) -> None:
        """Store the file at `path` under `key`, replacing what was there. Raises FileNotFoundError if there is none.

        With a `filename`, a bucket that serves it itself will say how clients may call and keep it.
        """
        if self._folder is not None:
            size = (await asyncio.to_thread(path.stat)).st_size
            await asyncio.to_thread(check_room, self._folder, size)
        named = {"Content-Disposition": disposition(filename), "Cache-Control": CACHING} if filename else {}
        try:
            await self._put(key, path, {"Content-Type": content_type, **named})
        except StoreFault:
            if not await asyncio.to_thread(path.exists):  # obstore says the same of a bucket that is gone
                raise FileNotFoundError(f"{path.name} is gone") from None
            raise

    async def put_bytes(self, key: str, data: bytes, content_type: str) -> None:
        """Store `data` under `key`, replacing what was there."""
        await self._put(key, data, {"Content-Type": content_type})

    async def _put(self, key: str, content: Path | bytes, headers: dict[str, str]) -> None:
        # A folder has nowhere to keep them, and LocalStore refuses to be given any.
        attributes: Attributes | None = {**headers} if self._folder is None else None
        parts = _PARTS_AT_ONCE if self._folder is None else 1
        for again in range(_PUTS, -1, -1):
            try:
                with faults():
                    await self._objects.put_async(_checked(key), content, attributes=attributes, max_concurrency=parts)
                    if self._folder is not None:
                        await asyncio.to_thread(make_durable, self._folder / key, self._folder)
            except FileNotFoundError:
                raise StoreFault("the folder or bucket is gone") from None
            except StoreFault as fault:  # of a missing place, obstore has no kind of its own
                if not again or self._folder is None or _GONE not in str(fault):
                    raise
            else:
                return

    async def head(self, key: str) -> StoredObject:
        """Describe the object at `key`."""
        try:
            with faults():
                async with asyncio.timeout(ANSWER_SECONDS):
                    meta = await self._objects.head_async(_checked(key))
        except FileNotFoundError:
            raise _missing() from None
        return StoredObject(meta["size"], meta["e_tag"] or "", meta["last_modified"])

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes | memoryview]:
        """Open the bytes from `start` up to, not including, `end`; they come in chunks of at most 1 MiB.

        `start` must lie inside the object (see `head`); an `end` beyond it means its end. What is wrong with the object
        shows here, before the first chunk; what becomes wrong later raises StoreFault from the iterator.
        """
        _checked(key)
        if start >= end:
            return _pieces(None)  # an empty object has no range that a store would accept
        try:
            with faults():
                if self._folder is not None:
                    return await open_chunks(self._folder / key, start, end)
                async with asyncio.timeout(ANSWER_SECONDS):
                    return _pieces(await self._objects.get_async(key, options={"range": (start, end)}))
        except FileNotFoundError:
            raise _missing() from None

    async def link(self, key: str, method: Literal["GET", "HEAD"], seconds: int) -> str:
        """Sign an address at which whoever holds it gets the object from the bucket, beginning within `seconds`."""
        if not isinstance(self._objects, S3Store | GCSStore | AzureStore):
            raise StoreFault("it cannot sign links")
        with faults():
            async with asyncio.timeout(ANSWER_SECONDS):
                return await obstore.sign_async(self._objects, method, _checked(key), timedelta(seconds=seconds))

    async def download(self, key: str, path: Path) -> None:
        """Copy the object to the file `path`, which appears only when it is whole. Raises OSError for that disk."""
        size = (await self.head(key)).size
        async with new_file(path) as file:
            async for chunk in await self.read(key, 0, size):
                await file.write(chunk)

    async def copy(self, source: str, target: str) -> None:
        """Store the object at `source` under `target` as well; in a folder that is a hard link and takes no space."""
        try:
            with faults():
                await self._objects.copy_async(_checked(source), _checked(target))
                if self._folder is not None:
                    await asyncio.to_thread(make_durable, self._folder / target, self._folder)
        except FileNotFoundError:
            raise _missing() from None

    async def names(self, prefix: str, *, older_than: datetime | None = None) -> list[str]:
        """Return the names directly under `prefix/` that have objects below them.

        With `older_than` (in UTC), only those below which nothing was stored at that time or later: what others, who
        share the store, are storing just now is not among them.
        """
        _checked(prefix)
        newest: dict[str, datetime] = {}
        with faults():
            if self._folder is not None:
                newest = await asyncio.to_thread(last_changes, self._folder / prefix)
            else:
                async for found in self._objects.list(prefix, chunk_size=_LIST_PAGE):
                    for meta in found:
                        name = _name_below(prefix, meta["path"])
                        newest[name] = max(newest.get(name, meta["last_modified"]), meta["last_modified"])
        return [name for name, stored in newest.items() if older_than is None or stored < older_than]

    async def delete_prefix(self, prefix: str, *, keep: Callable[[str], bool] | None = None) -> None:
        """Delete every object under `prefix/` and what killed writers left there; nothing there is fine.

        What lies under a name directly below it that `keep` accepts stays.
        """
        _checked(prefix)
        with faults():
            if self._folder is not None:
                folder = self._folder / prefix
                await asyncio.to_thread(remove_tree, folder, keep)
                await asyncio.to_thread(prune, folder, self._folder)
                return
            async for found in self._objects.list(prefix, chunk_size=_LIST_PAGE):
                paths = [meta["path"] for meta in found]
                await self._delete([path for path in paths if not (keep and keep(_name_below(prefix, path)))])

    async def _delete(self, keys: list[str]) -> None:
        try:
            await self._objects.delete_async(keys)
        except FileNotFoundError:  # not from S3; elsewhere, somebody else deletes the same objects
            for key in keys:
                with suppress(FileNotFoundError):
                    await self._objects.delete_async(key)


def disposition(filename: str) -> str:
    """Write the header by which a client shows a file, or saves it under a name of ours."""
    return f'inline; filename="{filename}"'


async def _pieces(found: GetResult | None) -> AsyncIterator[bytes]:
    if found is None:
        return
    with faults():
        async for piece in found.stream(min_chunk_size=_CHUNK):
            for offset in range(0, len(piece), _CHUNK):
                yield bytes(piece[offset : offset + _CHUNK])


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key) or any(set(name) == {"."} for name in key.split("/")):
        raise ValueError(f"not a key of the media store: {key!r}")
    return key


def _name_below(prefix: str, key: str) -> str:
    return key[len(prefix) + 1 :].partition("/")[0]


def _missing() -> MediaError:
    return MediaError("media_unavailable", "The file is no longer stored; it was deleted or has expired.")
