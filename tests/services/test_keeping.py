"""A result that is being stored while its video is given up leaves nothing behind."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import pytest

from app.media.errors import StoreFault
from app.media.fetch import TooLarge
from app.providers.base import Succeeded
from tests.services.bench import OWNER, Scripted, open_bench
from tests.upstreams.films import film

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from app.domain.jobs import Job
    from tests.services.bench import Bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Scripted("fal")) as opened:
        yield opened


async def rendered(bench: Bench, url: str | None = None) -> Job:
    """Return a job whose result waits to be stored, here or at an address."""
    await bench.create()
    await bench.step()
    bench.clock.now += 1
    made = None if url else write(bench.folder / "made.mp4")
    bench.provider.on_poll = [Succeeded(made, url, cost=5)]
    await bench.step()
    (job,) = await bench.claim()
    return job


def write(path: Path) -> Path:
    path.write_bytes(film(64, 48, 25))
    return path


async def test_a_result_is_stored_with_its_cost_and_its_place_in_the_story(bench: Bench) -> None:
    job = await rendered(bench)
    await bench.storing.keep(job)
    (output,) = (await bench.show(job.video_id)).outputs
    assert (output.state, output.cost, output.num_frames) == ("completed", 5, 25)
    assert [(each["provider"], each["outcome"], each["cost"]) for each in output.history] == [("fal", "completed", 5)]
    assert await bench.store.names("videos") == [job.video_id]


async def test_a_delete_while_a_result_is_stored_leaves_no_file(bench: Bench) -> None:
    job = await rendered(bench)
    await bench.videos.delete(OWNER, job.video_id)
    await bench.clean_up()
    await bench.storing.keep(job)
    assert await bench.store.names(f"videos/{job.video_id}/0") == []


async def test_a_scratch_folder_that_vanishes_is_no_fault(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def vanishing(_url: str, target: Path, _limit: int) -> None:
        shutil.rmtree(target.parent)

    monkeypatch.setattr(bench.context.downloads, "fetch", vanishing)
    job = await rendered(bench, "https://media.example/made.mp4")
    await bench.storing.keep(job)
    (output,) = (await bench.show(job.video_id)).outputs
    assert output.state == "storing"

    async def fetch(_url: str, target: Path, _limit: int) -> None:
        write(target)

    monkeypatch.setattr(bench.context.downloads, "fetch", fetch)
    bench.clock.now += 60
    await bench.step()
    assert (await bench.show(job.video_id)).row.status == "completed"
    assert len(bench.provider.ledger) == 1


async def test_a_result_is_fetched_once_though_the_store_fails(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []

    async def fetch(url: str, target: Path, _limit: int) -> None:
        fetched.append(url)
        write(target)

    async def fail(*_arguments: object) -> None:
        raise StoreFault("it answered 503")

    monkeypatch.setattr(bench.context.downloads, "fetch", fetch)
    job = await rendered(bench, "https://media.example/made.mp4")
    monkeypatch.setattr(bench.store, "put_file", fail)
    for _ in range(7):
        with pytest.raises(StoreFault):
            await bench.storing.keep(job)
    monkeypatch.delattr(bench.store, "put_file")
    await bench.storing.keep(job)
    assert (await bench.show(job.video_id)).row.status == "completed"
    assert fetched == ["https://media.example/made.mp4"]


async def test_a_result_that_is_no_video_is_fetched_anew(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [b"<html>come back later</html>", film(64, 48, 25)]

    async def fetch(_url: str, target: Path, _limit: int) -> None:
        await asyncio.to_thread(target.write_bytes, contents.pop(0))

    monkeypatch.setattr(bench.context.downloads, "fetch", fetch)
    job = await rendered(bench, "https://media.example/made.mp4")
    await bench.storing.keep(job)
    bench.clock.now += 60
    await bench.step()
    assert (await bench.show(job.video_id)).row.status == "completed"


async def test_a_result_that_is_too_large_ends_its_video_at_once_and_its_cost_and_address_stay(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[int] = []

    async def fetch(_url: str, _target: Path, limit: int) -> None:
        fetched.append(limit)
        raise TooLarge("media_unavailable", "https://media.example/made.mp4 cannot be fetched: it is too large.")

    monkeypatch.setattr(bench.context.downloads, "fetch", fetch)
    job = await rendered(bench, "https://media.example/made.mp4?signed=1")
    await bench.storing.keep(job)
    video = await bench.show(job.video_id)
    assert (video.row.status, video.row.error_code) == ("failed", "media_unavailable")
    assert "https://media.example/made.mp4 cannot be fetched" in (video.row.error_message or "")
    assert (video.outputs[0].cost, fetched) == (5, [bench.context.max_video_bytes])
    assert (video.outputs[0].result or {})["url"] == "https://media.example/made.mp4?signed=1"


async def test_a_disk_without_room_for_a_result_is_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fetch(_url: str, target: Path, _limit: int) -> None:
        if faults:
            raise faults.pop()
        await asyncio.to_thread(write, target)

    monkeypatch.setattr(bench.context.downloads, "fetch", fetch)
    faults = [OSError(28, "No space left on device"), StoreFault("the disk has 1 MiB free")] * 10
    job = await rendered(bench, "https://media.example/made.mp4")
    while faults:
        with pytest.raises(StoreFault, match=r"No space left on device|1 MiB free"):
            await bench.storing.keep(job)
    await bench.storing.keep(job)
    assert (await bench.show(job.video_id)).row.status == "completed"


async def test_one_of_two_ended_outputs_keeps_what_the_other_still_needs(bench: Bench) -> None:
    video_id = await bench.create(n=2)
    await bench.step()
    bench.clock.now += 1
    bench.provider.on_poll = [Succeeded(write(bench.folder / "made.mp4"))]
    await bench.step()
    await bench.step()
    assert await bench.clean_up() == 1
    states = [output.state for output in (await bench.show(video_id)).outputs]
    assert sorted(states) == ["completed", "running"]
    assert await bench.store.names("videos") == [video_id]
