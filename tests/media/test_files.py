"""Files that are whole or not there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app.media.files import new_file

if TYPE_CHECKING:
    from pathlib import Path


async def test_nothing_has_the_name_before_the_end(tmp_path: Path) -> None:
    target = tmp_path / "file"
    async with new_file(target) as file:
        await file.write(b"one ")
        assert not target.exists()
        await file.write(b"two")
    assert target.read_bytes() == b"one two"
    assert target.stat().st_mode & 0o077 == 0, "others on the machine cannot read it"


async def test_a_failure_keeps_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="no"):
        await _write_and_fail(target)
    assert [(path.name, path.read_bytes()) for path in _inside(tmp_path)] == [("file", b"old")]


async def test_two_writers_of_one_name_do_not_mix(tmp_path: Path) -> None:
    async def write(letter: bytes) -> None:
        async with new_file(tmp_path / "file") as file:
            for _ in range(20):
                await file.write(letter * 1000)

    await asyncio.gather(write(b"a"), write(b"b"))
    assert (tmp_path / "file").read_bytes() in (b"a" * 20_000, b"b" * 20_000)


async def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await _write_and_fail(tmp_path / "no" / "file")


async def _write_and_fail(target: Path) -> None:
    async with new_file(target) as file:
        await file.write(b"new")
        raise RuntimeError("no")


def _inside(folder: Path) -> list[Path]:
    return list(folder.iterdir())
