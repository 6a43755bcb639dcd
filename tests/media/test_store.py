"""The media store: what a folder and a bucket (a real S3 server) do alike."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from app.media.errors import MediaError
from app.media.store import MediaStore

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bucket import Bucket

CHUNK = 1 << 20
BIG = bytes(range(256)) * 13_000  # 3.3 MB


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> MediaStore:
    if request.param == "folder":
        return MediaStore.open(tmp_path / "media")
    bucket: Bucket = request.getfixturevalue("bucket")
    return MediaStore.open(bucket.url)


async def test_stored_bytes_come_back(store: MediaStore) -> None:
    await store.put_bytes("videos/v-1/clip.mp4", BIG, "video/mp4")
    assert b"".join([chunk async for chunk in await store.read("videos/v-1/clip.mp4", 0, len(BIG))]) == BIG


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
    chunks = [chunk async for chunk in await store.read("clip", start, end)]
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
    assert [chunk async for chunk in await store.read("b/two", 0, 99)] == [b"first"]


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
    async def read() -> None:
        await store.read("gone", 0, 1)

    for reading in (store.head("gone"), store.download("gone", tmp_path / "x"), store.copy("gone", "y"), read()):
        with pytest.raises(MediaError, match="no longer stored") as caught:
            await reading
        assert caught.value.code == "media_unavailable"
    assert not any(files for _, _, files in os.walk(tmp_path))


async def test_names_are_those_with_something_below_them(store: MediaStore) -> None:
    for key in ("files/a/content", "files/b/deep/er", "files-2/c/x"):
        await store.put_bytes(key, b"x", "video/mp4")
    assert sorted(await store.names("files")) == ["a", "b"]
    assert await store.names("nothing") == []


async def test_names_older_than_a_time_leave_out_what_was_stored_since(store: MediaStore) -> None:
    await store.put_bytes("inputs/old/0", b"x", "video/mp4")
    await store.put_bytes("inputs/mixed/0", b"x", "video/mp4")
    await store.put_bytes("inputs/deep/er/0", b"x", "video/mp4")
    await asyncio.sleep(1.1)  # S3 tells whole seconds
    since = datetime.now(UTC).replace(microsecond=0)
    await asyncio.sleep(0.02)  # a folder's clock ticks every few milliseconds, and may be behind ours by as much
    await store.copy("inputs/old/0", "inputs/mixed/1")
    await store.put_bytes("inputs/deep/er/1", b"x", "video/mp4")
    await store.put_bytes("inputs/new/0", b"x", "video/mp4")
    assert await store.names("inputs", older_than=since) == ["old"]
    later = since + timedelta(minutes=1)
    assert sorted(await store.names("inputs", older_than=later)) == ["deep", "mixed", "new", "old"]


async def test_deletion_keeps_what_it_is_told_to(store: MediaStore) -> None:
    for key in ("v/0/1/clip", "v/0/2/clip", "v/0/20/clip"):
        await store.put_bytes(key, b"x", "video/mp4")
    await store.delete_prefix("v/0", keep=lambda name: name == "2")
    assert await store.names("v/0") == ["2"]


async def test_a_probe_finds_a_sound_store_and_leaves_nothing(store: MediaStore) -> None:
    await store.probe()
    assert await store.names("probes") == []


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
