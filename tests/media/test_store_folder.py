"""The media store in a folder: what survives kills, full disks and readers at the same time."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from app.media.errors import MediaError, StoreFault
from app.media.store import MediaStore
from tests.files import files_in

if TYPE_CHECKING:
    from pathlib import Path

CHUNK = 1 << 20


async def test_a_writer_killed_halfway_leaves_nothing_under_the_key_and_deletion_takes_the_rest(
    tmp_path: Path,
) -> None:
    root = tmp_path / "media"
    _kill_while_writing(root, tmp_path / "huge")
    while not _written(root):  # it was not caught in the middle
        shutil.rmtree(root)
        _kill_while_writing(root, tmp_path / "huge")
    store = MediaStore.open(root)
    with pytest.raises(MediaError):
        await store.head("v/1/clip.mp4")
    await store.put_bytes("v/1/clip.mp4", b"second try", "video/mp4")
    assert (await store.head("v/1/clip.mp4")).size == len(b"second try")
    await store.delete_prefix("v/1")
    assert files_in(root) == []


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
    while not _written(root) and writer.poll() is None:
        time.sleep(0.001)
    writer.kill()
    writer.wait()


def _written(root: Path) -> int:
    """Bytes in files that are under construction; the finished file does not count."""
    with suppress(FileNotFoundError):  # it has just been finished
        return sum(path.stat().st_size for path in files_in(root) if "#" in path.name)
    return 0


async def test_readers_see_the_old_or_the_new_object_and_never_a_mixture(tmp_path: Path) -> None:
    store = MediaStore.open(tmp_path)
    await store.put_bytes("clip", b"a" * (8 * CHUNK), "video/mp4")

    async def replace() -> None:
        for letter in b"bcdef":
            await store.put_bytes("clip", bytes([letter]) * (8 * CHUNK), "video/mp4")

    replacing = asyncio.create_task(replace())
    while not replacing.done():
        seen = b"".join([chunk async for chunk in await store.read("clip", 0, 8 * CHUNK)])
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
    await store.put_bytes("clip", bytes(CHUNK), "video/mp4")
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


async def test_a_folder_that_cannot_be_made_is_our_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreFault, match=r"Not a directory|File exists"):
        MediaStore.open(tmp_path / "file" / "media")


async def test_what_a_killed_writer_left_has_a_name_for_the_sweep(tmp_path: Path) -> None:
    (tmp_path / "inputs" / "video_1").mkdir(parents=True)
    (tmp_path / "inputs" / "video_1" / "0#1").write_bytes(b"half")
    store = MediaStore.open(tmp_path)
    assert await store.names("inputs") == ["video_1"]
    await store.delete_prefix("inputs/video_1")
    assert await store.names("inputs") == []


async def test_a_deletion_leaves_no_empty_folder_but_the_room(tmp_path: Path) -> None:
    store = MediaStore.open(tmp_path)
    for key in ("videos/1/0/1/video.mp4", "videos/1/1/1/video.mp4", "videos/2/0/1/video.mp4"):
        await store.put_bytes(key, b"x", "video/mp4")
    await store.delete_prefix("videos/1/0")
    assert sorted(path.name for path in (tmp_path / "videos/1").iterdir()) == ["1"]
    await store.delete_prefix("videos/1/1")
    assert [path.name for path in (tmp_path / "videos").iterdir()] == ["2"]
    await store.delete_prefix("videos/2/0", keep=lambda name: name == "1")
    assert (await store.head("videos/2/0/1/video.mp4")).size == 1
    await store.delete_prefix("videos/2/0")
    await store.delete_prefix("videos/2/0")
    assert [place for place, _, _ in os.walk(tmp_path)] == [str(tmp_path), str(tmp_path / "videos")]


async def test_what_is_stored_while_its_neighbour_is_deleted_is_there(tmp_path: Path) -> None:
    store = MediaStore.open(tmp_path)
    over = asyncio.Event()

    async def delete() -> None:
        while not over.is_set():
            await asyncio.gather(*(store.delete_prefix("videos/1/0") for _ in range(4)))

    deleting = asyncio.create_task(delete())
    await store.put_bytes("source", b"copied", "video/mp4")
    for number in range(60):
        await store.put_bytes(f"videos/1/1/{number}/video.mp4", b"x", "video/mp4")
        await store.copy("source", f"videos/1/2/{number}")
        assert (await store.head(f"videos/1/1/{number}/video.mp4")).size == 1
        assert (await store.head(f"videos/1/2/{number}")).size == 6
        await asyncio.gather(store.delete_prefix("videos/1/1"), store.delete_prefix(f"videos/1/2/{number}"))
    over.set()
    await deleting


async def test_a_file_that_would_fill_the_disk_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MediaStore.open(tmp_path / "media")
    await asyncio.to_thread((tmp_path / "clip").write_bytes, bytes(CHUNK))
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=257 * CHUNK - 1))
    with pytest.raises(StoreFault, match="256 MiB free, and a file of 1 MiB has to leave 256"):
        await store.put_file("videos/1/clip", tmp_path / "clip", "video/mp4")
    assert files_in(tmp_path / "media") == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=257 * CHUNK))
    await store.put_file("videos/1/clip", tmp_path / "clip", "video/mp4")
