"""A result that a poll has found is stored by whoever polled, without another claim, where there is room."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app.domain.jobs import State
from app.metrics import LANE_LAG_SECONDS
from app.providers.base import Pending, Succeeded
from app.services.engine import Engine
from app.services.polling import Polling
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


def made(bench: Bench) -> Succeeded:
    path = bench.folder / "made.mp4"
    path.write_bytes(film(64, 48, 25))
    return Succeeded(path, cost=5)


async def polled(bench: Bench) -> tuple[str, Job]:
    """Return a video whose result one engine has just found, and its output as that engine holds it."""
    video_id = await bench.create()
    await bench.step()
    bench.clock.now += 1
    bench.provider.on_poll = [made(bench)]
    (job,) = await bench.claim(State.RUNNING, owner="one")
    rendered = await Polling(bench.context, lambda: True).poll(job)
    assert rendered
    assert (rendered.state, rendered.fence, rendered.progress) == (State.STORING, job.fence, 99)
    return video_id, rendered


async def test_what_a_poll_has_found_is_stored_under_the_claim_of_the_poll(bench: Bench) -> None:
    video_id, rendered = await polled(bench)
    assert await bench.claim(owner="two") == []
    await bench.storing.keep(rendered)
    assert (await bench.show(video_id)).row.status == "completed"


async def test_what_is_held_by_one_that_has_gone_is_stored_by_another_and_only_once(bench: Bench) -> None:
    video_id, rendered = await polled(bench)
    bench.clock.now += 31
    (again,) = await bench.claim(owner="two")
    assert again.state is State.STORING
    await bench.storing.keep(rendered)
    assert (await bench.show(video_id)).row.status == "in_progress"
    await bench.storing.keep(again)
    (output,) = (await bench.show(video_id)).outputs
    assert (output.state, output.media_key, output.cost) == (
        "completed",
        f"videos/{video_id}/0/{again.fence}",
        5,
    )
    assert await bench.store.names(f"videos/{video_id}/0") == [str(again.fence)]


async def test_a_cancel_is_the_last_word_on_what_was_held(bench: Bench) -> None:
    video_id, rendered = await polled(bench)
    await bench.videos.cancel(OWNER, video_id)
    await bench.storing.keep(rendered)
    video = await bench.show(video_id)
    assert (video.row.status, video.row.error_code, video.outputs[0].cost) == ("failed", "cancelled", 5)
    assert await bench.store.names(f"videos/{video_id}/0") == []


async def test_without_room_the_row_is_handed_back_for_the_store_lane(bench: Bench) -> None:
    await bench.create()
    await bench.step()
    bench.clock.now += 1
    bench.provider.on_poll = [made(bench)]
    (job,) = await bench.claim(State.RUNNING, owner="one")
    assert await Polling(bench.context, lambda: False).poll(job) is None
    (waiting,) = await bench.claim(owner="two")
    assert waiting.state is State.STORING


@pytest.mark.parametrize("videos", [1, 6])
async def test_an_engine_stores_what_it_polls_and_what_it_has_no_room_for_after_that(bench: Bench, videos: int) -> None:
    claimed = _claimed_by_the_store_lane()
    engine = Engine(bench.context, lease=1000.0)
    bench.provider.on_poll = [Pending()] * 50
    await engine.start()
    ids = [await bench.create(prompt=f"clip {number}") for number in range(videos)]
    engine.wake()
    async with asyncio.timeout(60):
        while len(bench.provider.ledger) < videos:
            await asyncio.sleep(0.01)
        bench.provider.on_poll = [made(bench)] * videos
        bench.clock.now += 30
        engine.wake()
        while {(await bench.show(video_id)).row.status for video_id in ids} != {"completed"}:
            await asyncio.sleep(0.01)
            if not any(lane.busy for lane in engine._lanes):  # noqa: SLF001 - or leases would run out under their steps
                bench.clock.now += 1
                engine.wake()
    await engine.stop()
    assert _claimed_by_the_store_lane() - claimed <= max(0, videos - 4)


def _claimed_by_the_store_lane() -> float:
    return sum(
        sample.value
        for metric in LANE_LAG_SECONDS.collect()
        for sample in metric.samples
        if sample.name.endswith("_count") and sample.labels.get("lane") == "store"
    )
