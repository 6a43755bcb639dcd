"""Downloads of results, which were paid for: they may take as long as they move, and as much as there is room for."""

from __future__ import annotations

import asyncio
import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from app.media.errors import StoreFault
from app.media.fetch import Fetcher, TooLarge
from app.media.network import NetworkPolicy
from tests.media.site import BODY, LIMIT, file_names, refusal, reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.media.site import Site

MIB = 1 << 20
PIECE = bytes(16 << 10)


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.media.fetch._TOTAL_SECONDS", 1.0)


def patient(least_rate: int | None) -> Fetcher:
    return Fetcher(NetworkPolicy.parse("127.0.0.1"), least_rate)


def dripping(pieces: int) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    """Send pieces of 16 KiB, at most 50 in a second."""

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (pieces * len(PIECE)))
        for _ in range(pieces):
            if writer.is_closing():
                return
            writer.write(PIECE)
            await writer.drain()
            await asyncio.sleep(0.02)

    return drip


@pytest.mark.usefixtures("_short")
async def test_a_result_may_take_longer_while_it_comes_fast_enough(site: Site, tmp_path: Path) -> None:
    site.answers["/a"] = dripping(100)
    fetched = await patient(len(PIECE)).fetch(site.url("/a"), tmp_path / "file", LIMIT)
    assert fetched.size == 100 * len(PIECE)


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize(("rate", "told"), [(4 * MIB, "or came slower than 4096 KiB/s"), (None, "longer than 1 s.")])
async def test_a_result_that_comes_too_slowly_is_given_up(
    site: Site, tmp_path: Path, rate: int | None, told: str
) -> None:
    site.answers["/a"] = dripping(100)
    assert told in await refusal(patient(rate), site.url("/a"), tmp_path)


async def test_a_file_that_is_too_large_will_not_be_smaller_the_next_time(site: Site, tmp_path: Path) -> None:
    site.answers["/stated"] = reply(b"", Content_Length=str(LIMIT + 1))
    site.answers["/unframed"] = b"HTTP/1.0 200 OK\r\n\r\n" + bytes(LIMIT + 1)
    for path in site.answers:
        with pytest.raises(TooLarge, match="larger than 2 MiB"):
            await patient(MIB).fetch(site.url(path), tmp_path / "file", LIMIT)
    assert file_names(tmp_path) == []


def room(monkeypatch: pytest.MonkeyPatch, *free: int) -> None:
    """Let each look at the disk find so many bytes free."""
    found = iter(free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=next(found)))


async def test_a_file_for_which_the_disk_has_no_room_is_waited_for(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.answers["/a"] = reply()
    room(monkeypatch, 257 * MIB - 1, 257 * MIB)
    with pytest.raises(StoreFault, match="256 MiB free, and a file of 1 MiB has to leave 256"):
        await patient(MIB).fetch(site.url("/a"), tmp_path / "file", LIMIT)
    assert file_names(tmp_path) == []
    assert (await patient(MIB).fetch(site.url("/a"), tmp_path / "file", LIMIT)).size == len(BODY)


async def test_a_disk_that_others_fill_meanwhile_is_noticed(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.media.fetch._LOOK_AFTER", MIB // 2)
    site.answers["/a"] = b"HTTP/1.0 200 OK\r\n\r\n" + BODY
    room(monkeypatch, 300 * MIB, 255 * MIB)
    with pytest.raises(StoreFault, match="255 MiB free"):
        await patient(MIB).fetch(site.url("/a"), tmp_path / "file", LIMIT)
    assert file_names(tmp_path) == []
