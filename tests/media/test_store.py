"""The media store on a real folder and on obstore's in-memory store, which stands for a bucket."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from obstore.store import MemoryStore

from app.media.errors import MediaError
from app.media.store import MediaStore

if TYPE_CHECKING:
    from pathlib import Path

CHUNK = 1 << 20
BIG = bytes(range(256)) * 13_000  # 3.3 MB


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> MediaStore:
    return MediaStore.open(tmp_path / "media") if request.param == "folder" else MediaStore(MemoryStore())


async def test_stored_bytes_come_back(store: MediaStore) -> None:
    await store.put_bytes("videos/v-1/clip.mp4", BIG, "video/mp4")
    assert b"".join([chunk async for chunk in store.stream("videos/v-1/clip.mp4", 0, len(BIG))]) == BIG


async def test_a_file_of_many_parts_comes_back_through_a_download(store: MediaStore, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(BIG * 5)
    await store.put_file("clip", tmp_path / "in", "video/mp4")
    await store.download("clip", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == BIG * 5


async def test_head_tells_size_a_quoted_etag_and_the_time(store: MediaStore) -> None:
    await store.put_bytes("clip", BIG, "video/mp4")
    found = await store.head("clip")
    assert found.size == len(BIG)
    assert found.etag.startswith('"')
    assert abs(found.modified.timestamp() - time.time()) < 60


async def test_the_etag_changes_with_the_content(store: MediaStore) -> None:
    await store.put_bytes("clip", b"one", "video/mp4")
    before = await store.head("clip")
    await store.put_bytes("clip", b"three", "video/mp4")
    assert (await store.head("clip")).etag != before.etag


@pytest.mark.parametrize(
    ("start", "end"), [(0, 1), (10, 10), (1, CHUNK + 1), (CHUNK - 1, 3 * CHUNK), (len(BIG) - 1, len(BIG) + 99)]
)
async def test_a_range_is_what_slicing_gives_in_chunks_of_a_mebibyte(store: MediaStore, start: int, end: int) -> None:
    await store.put_bytes("clip", BIG, "video/mp4")
    chunks = [chunk async for chunk in store.stream("clip", start, end)]
    assert b"".join(chunks) == BIG[start:end]
    assert all(len(chunk) <= CHUNK for chunk in chunks)


async def test_an_empty_object_streams_nothing(store: MediaStore, tmp_path: Path) -> None:
    await store.put_bytes("empty", b"", "text/plain")
    await store.download("empty", tmp_path / "empty")
    assert (tmp_path / "empty").read_bytes() == b""


async def test_a_copy_survives_the_deletion_and_the_replacement_of_its_source(store: MediaStore) -> None:
    await store.put_bytes("a/one", b"first", "video/mp4")
    await store.copy("a/one", "b/two")
    await store.put_bytes("a/one", b"second", "video/mp4")
    await store.delete_prefix("a")
    assert [chunk async for chunk in store.stream("b/two", 0, 99)] == [b"first"]


async def test_deleting_a_prefix_takes_whole_names_only(store: MediaStore) -> None:
    for key in ("v/1/clip", "v/1/deep/thumb", "v/10/clip"):
        await store.put_bytes(key, b"x", "video/mp4")
    await store.delete_prefix("v/1")
    await store.delete_prefix("v/1")
    assert (await store.head("v/10/clip")).size == 1
    for key in ("v/1/clip", "v/1/deep/thumb"):
        with pytest.raises(MediaError):
            await store.head(key)


async def test_every_way_to_read_a_missing_key_says_so(store: MediaStore, tmp_path: Path) -> None:
    async def stream() -> None:
        async for _ in store.stream("gone", 0, 1):
            pass

    for reading in (store.head("gone"), store.download("gone", tmp_path / "x"), store.copy("gone", "y"), stream()):
        with pytest.raises(MediaError, match="no longer stored") as caught:
            await reading
        assert caught.value.code == "media_unavailable"
    assert _files(tmp_path) == []


@pytest.mark.parametrize(
    "key",
    ["", "/", "/etc/passwd", "a//b", "a/", "../x", "a/../b", "a/..", ".", "a b", "a\\b", "a#1", "ä", "a\n", "a\0"],
)
async def test_a_key_outside_the_alphabet_is_a_bug_of_the_caller(store: MediaStore, key: str) -> None:
    for use in (
        store.put_bytes(key, b"x", "video/mp4"),
        store.head(key),
        store.copy("a", key),
        store.delete_prefix(key),
    ):
        with pytest.raises(ValueError, match="not a key"):
            await use


async def test_an_upload_of_a_file_that_is_not_there_is_not_blamed_on_the_key(
    store: MediaStore, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        await store.put_file("clip", tmp_path / "nothing", "video/mp4")


async def test_a_writer_killed_halfway_leaves_nothing_under_the_key_and_deletion_takes_the_rest(
    tmp_path: Path,
) -> None:
    root = tmp_path / "media"
    _kill_while_writing(root, tmp_path / "huge")
    assert _written(root), "the writer was not caught in the middle"
    store = MediaStore.open(root)
    with pytest.raises(MediaError):
        await store.head("v/1/clip.mp4")
    await store.put_bytes("v/1/clip.mp4", b"second try", "video/mp4")
    assert (await store.head("v/1/clip.mp4")).size == len(b"second try")
    await store.delete_prefix("v/1")
    assert _files(root) == []


def _kill_while_writing(root: Path, source: Path) -> None:
    with source.open("wb") as huge:
        huge.truncate(1 << 30)  # takes no space, and takes long enough to copy
    program = f"""
import asyncio
from pathlib import Path
from app.media.store import MediaStore
asyncio.run(MediaStore.open({str(root)!r}).put_file("v/1/clip.mp4", Path({str(source)!r}), "video/mp4"))
"""
    writer = subprocess.Popen([sys.executable, "-c", program])
    deadline = time.monotonic() + 20
    while not _written(root) and time.monotonic() < deadline:
        time.sleep(0.001)
    writer.kill()
    writer.wait()


def _files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def _written(root: Path) -> int:
    """Bytes in files that are under construction; the finished file does not count."""
    return sum(path.stat().st_size for path in _files(root) if "#" in path.name)


async def test_readers_see_the_old_or_the_new_object_and_never_a_mixture(tmp_path: Path) -> None:
    store = MediaStore.open(tmp_path)
    await store.put_bytes("clip", b"a" * (8 * CHUNK), "video/mp4")

    async def replace() -> None:
        for letter in b"bcdef":
            await store.put_bytes("clip", bytes([letter]) * (8 * CHUNK), "video/mp4")

    replacing = asyncio.create_task(replace())
    while not replacing.done():
        seen = b"".join([chunk async for chunk in store.stream("clip", 0, 8 * CHUNK)])
        assert seen == seen[:1] * (8 * CHUNK)
    await replacing


async def test_what_is_stored_has_reached_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: set[int] = set()
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.add(os.fstat(descriptor).st_ino))
    await MediaStore.open(tmp_path / "media").put_bytes("v/1/clip", b"x", "video/mp4")
    places = ["media", "media/v", "media/v/1", "media/v/1/clip"]
    assert {(tmp_path / place).stat().st_ino for place in places} <= synced


async def test_a_download_that_fails_leaves_neither_the_file_nor_a_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MediaStore.open(tmp_path / "media")
    await store.put_bytes("clip", BIG, "video/mp4")
    monkeypatch.setattr("pathlib.Path.replace", _fail)
    (tmp_path / "out").mkdir()
    with pytest.raises(OSError, match="disk"):
        await store.download("clip", tmp_path / "out" / "clip.mp4")
    assert list((tmp_path / "out").iterdir()) == []


def _fail(*_arguments: object) -> None:
    raise OSError("the disk is gone")


@pytest.mark.parametrize("attempt", range(2))
async def test_a_store_opens_in_an_existing_folder_and_finds_what_is_there(tmp_path: Path, attempt: int) -> None:
    for _ in range(attempt + 1):
        store = MediaStore.open(str(tmp_path / "deep" / "er"))
    await store.put_bytes("k", b"x", "text/plain")
    assert (await MediaStore.open(tmp_path / "deep" / "er").head("k")).size == 1
