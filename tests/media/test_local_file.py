"""How a folder's files are read for clients: without a thread where they are in memory, and a chunk at a time."""

from __future__ import annotations

import asyncio
import os
from threading import current_thread, get_ident
from threading import enumerate as enumerate_threads
from typing import TYPE_CHECKING, Any

import pytest

from app.media import local_file
from app.media.errors import StoreFault
from app.media.local_file import open_chunks

if TYPE_CHECKING:
    from pathlib import Path

CHUNK = 64 << 10
CONTENT = os.urandom(5 * CHUNK + 17)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record the size of every read from a file by this thread or by one that it begins."""
    asked: list[int] = []
    original = os.preadv
    others = {each.ident for each in enumerate_threads() if each is not current_thread()}

    def preadv(descriptor: int, buffers: list[bytearray], *place: int) -> int:
        if get_ident() not in others:
            asked.append(len(buffers[0]))
        return original(descriptor, buffers, *place)

    monkeypatch.setattr(os, "preadv", preadv)
    return asked


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record what this thread has others do: gateways of other tests have theirs."""
    done: list[str] = []
    original, here = asyncio.to_thread, get_ident()

    async def to_thread(work: Any, *arguments: Any) -> Any:
        if get_ident() == here:
            done.append(work.__name__)
        return await original(work, *arguments)

    monkeypatch.setattr(asyncio, "to_thread", to_thread)
    return done


async def test_a_file_in_memory_takes_one_thread_to_open_and_one_read_per_chunk(
    film: Path, reads: list[int], threads: list[str]
) -> None:
    got = [bytes(chunk) async for chunk in await open_chunks(film, 0, len(CONTENT))]
    assert b"".join(got) == CONTENT
    assert reads == [CHUNK] * 5 + [17]
    assert len(threads) == 1


async def test_what_is_not_in_memory_is_read_in_a_thread(
    film: Path, monkeypatch: pytest.MonkeyPatch, threads: list[str]
) -> None:
    monkeypatch.setattr(local_file, "_AT_ONCE", None)  # as where a system cannot say
    got = [bytes(chunk) async for chunk in await open_chunks(film, 1, len(CONTENT) - 1)]
    assert b"".join(got) == CONTENT[1:-1]
    assert len(threads) == 1 + 6


async def test_a_file_system_that_refuses_to_say_what_is_in_memory_is_read_all_the_same(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = os.preadv

    def preadv(descriptor: int, buffers: list[bytearray], *place: int) -> int:
        if len(place) > 1:
            raise OSError(95, "Operation not supported")
        return original(descriptor, buffers, *place)

    monkeypatch.setattr(os, "preadv", preadv)
    assert b"".join([chunk async for chunk in await open_chunks(film, 0, len(CONTENT))]) == CONTENT


async def test_nothing_is_read_before_the_last_chunk_is_taken(film: Path, reads: list[int]) -> None:
    chunks = await open_chunks(film, 0, len(CONTENT))
    for number in range(1, 4):
        await anext(chunks)
        await asyncio.sleep(0.02)
        assert len(reads) == number


async def test_others_get_their_turn_between_two_chunks(film: Path) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    chunks = await open_chunks(film, 0, len(CONTENT))
    task = asyncio.create_task(other())
    async for _ in chunks:
        pass
    task.cancel()
    assert turns >= len(CONTENT) // CHUNK


async def test_a_chunk_stays_what_it_was_when_the_next_are_read(film: Path) -> None:
    kept = [chunk async for chunk in await open_chunks(film, 0, len(CONTENT))]
    assert b"".join(kept) == CONTENT


async def test_a_file_cut_while_it_is_read_is_a_fault_and_not_a_short_answer(film: Path) -> None:
    chunks = await open_chunks(film, 0, len(CONTENT))
    await anext(chunks)
    os.truncate(film, CHUNK)
    with pytest.raises(StoreFault):
        await anext(chunks)


async def test_a_folder_or_what_lies_below_a_file_is_no_file(film: Path) -> None:
    for path in (film.parent, film / "more", film.with_name("other")):
        with pytest.raises(FileNotFoundError):
            await open_chunks(path, 0, 1)
