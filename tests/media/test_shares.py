"""Places of which no owner takes all: one client's slow files delay neither results nor another client's files."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app.media.probe import inspect_image, make_pictures
from app.media.shares import work_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FACTS = {"content_type": "image/png", "width": 64, "height": 48}
FILM = {"content_type": "video/mp4", "width": 64, "height": 48, "duration": 1, "fps": 24, "num_frames": 24} | {
    "has_audio": False,
    "size_bytes": 1,
}


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """List the files whose child process has begun; those named `slow` take for ever."""
    seen: list[str] = []

    async def run(_module: str, asked: Mapping[str, str], **_options: object) -> dict[str, object]:
        seen.append(asked["path"].rpartition("/")[2])
        if seen[-1] == "slow":
            await asyncio.Event().wait()
        return FILM if "thumbnail" in asked else FACTS

    monkeypatch.setattr("app.children.run", run)
    return seen


async def inspect(owner: str, path: Path) -> None:
    with work_for(owner):
        await inspect_image(path)


async def test_one_owners_slow_files_delay_neither_anothers_nor_results(tmp_path: Path, begun: list[str]) -> None:
    (tmp_path / "film").touch()
    slow = [asyncio.create_task(inspect("a", tmp_path / "slow")) for _ in range(20)]
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await asyncio.gather(*(inspect("b", tmp_path / "quick") for _ in range(10)))
        with work_for("a"):
            await make_pictures(tmp_path / "film", tmp_path)
    assert (begun.count("slow"), begun.count("quick"), begun.count("film")) == (2, 10, 1)
    for task in slow:
        task.cancel()


async def test_whoever_gives_up_in_line_leaves_the_place_to_the_next(tmp_path: Path, begun: list[str]) -> None:
    slow = [asyncio.create_task(inspect("a", tmp_path / "slow")) for _ in range(4)]
    await asyncio.sleep(0.01)
    for task in slow[:3]:
        task.cancel()
    await asyncio.sleep(0.01)
    async with asyncio.timeout(60):
        await inspect("a", tmp_path / "quick")
    assert begun == ["slow", "slow", "slow", "quick"]
    slow[3].cancel()
