"""Following: every change is told once, to whom it concerns; many cost no more than one, and nobody nothing."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from app.db.outputs import lock_video
from app.db.session import DatabaseUnavailable, of_video
from app.db.tables import OutputRow, VideoRow
from app.domain.jobs import State
from app.services import following
from app.services.feed import Feed
from app.services.following import MOST_UNTOLD, Follower, Following
from tests.db.rows import add_video
from tests.performance.statements import counted
from tests.services.bench import OWNER, Scripted, open_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.videos import Video
    from tests.services.bench import Bench

Told = dict[str, "Video | None"]
PATIENCE = 30.0  # seconds


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often, so that nobody waits for it."""
    for name in ("_LOOK_SECONDS", "_LOOK_ALONE_SECONDS", "_PAUSE_SECONDS", "_FAULT_SECONDS"):
        monkeypatch.setattr(following, name, 0.01)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Scripted()) as opened:
        opened.clock.now = opened.database.clock()  # the database's own, by which it is seen what is new
        yield opened


@asynccontextmanager
async def following_of(bench: Bench) -> AsyncIterator[Following]:
    """Start a process' following."""
    started = Following(bench.database, Feed(bench.database))
    await started.start()
    try:
        yield started
    finally:
        await started.stop()


@asynccontextmanager
async def follower_of(bench: Bench, whose: str | None = OWNER) -> AsyncIterator[Follower]:
    """Give one who is told of everything from now on."""
    async with following_of(bench) as started:
        with started.follow("key_reader", whose) as follower:
            assert await follower.news(PATIENCE) == {}
            assert follower.begun
            yield follower


async def next_news(follower: Follower) -> Told:
    told = await follower.news(PATIENCE)
    assert told, "nothing was told"
    return told


def status_of(video: Video | None) -> str | None:
    return None if video is None else video.row.status


async def elsewhere(bench: Bench, *changes: Any) -> None:
    """Change rows as another process does: nobody here is told."""

    async def work(session: AsyncSession) -> None:
        for change in changes:
            await session.execute(change.execution_options(synchronize_session=False))

    await bench.database.write(work)


def end(video_id: str, **values: object) -> tuple[Any, Any]:
    """Return what ends a video."""
    return (
        update(OutputRow).where(OutputRow.video_id == video_id).values(state=State.FAILED, error_code="timeout"),
        update(VideoRow).where(VideoRow.id == video_id).values(status="failed", **values),
    )


async def test_what_was_before_is_not_told_and_all_that_happens_then_is(bench: Bench) -> None:
    before = await bench.create()
    async with follower_of(bench) as follower:
        made = await bench.create()
        assert {name: status_of(video) for name, video in (await next_news(follower)).items()} == {made: "queued"}
        await bench.videos.cancel(OWNER, before)
        assert {name: status_of(video) for name, video in (await next_news(follower)).items()} == {before: "failed"}
        await bench.videos.delete(OWNER, before)
        assert await next_news(follower) == {before: None}


async def test_what_another_process_does_is_found_by_looking(bench: Bench) -> None:
    async with follower_of(bench) as follower:

        async def create(session: AsyncSession) -> None:
            await add_video(session, "video_far", 1, bench.database.clock())
            owner = {"owner": OWNER}
            await session.execute(update(VideoRow).where(VideoRow.id == "video_far").values(**owner))
            await session.execute(update(OutputRow).where(OutputRow.video_id == "video_far").values(**owner))

        await bench.database.write(create)
        assert status_of((await next_news(follower))["video_far"]) == "queued"
        moves = {"progress": 40}
        await elsewhere(
            bench,
            update(OutputRow).values(state=State.RUNNING, **moves),
            update(VideoRow).values(status="in_progress", **moves),
        )
        told = (await next_news(follower))["video_far"]
        assert told is not None
        assert (told.row.status, told.row.progress, len(told.outputs)) == ("in_progress", 40, 1)
        await elsewhere(bench, *end("video_far"))
        assert status_of((await next_news(follower))["video_far"]) == "failed"
        await elsewhere(bench, update(VideoRow).values(deleted_at=bench.database.clock()))
        assert await next_news(follower) == {"video_far": None}


async def test_what_another_process_makes_and_ends_between_two_looks_is_found(bench: Bench) -> None:
    async with follower_of(bench) as follower:

        async def create(session: AsyncSession) -> None:
            await add_video(session, "video_short", 1, bench.database.clock(), State.FAILED)
            await session.execute(update(VideoRow).values(owner=OWNER, status="failed"))

        await bench.database.write(create)
        assert status_of((await next_news(follower))["video_short"]) == "failed"


async def test_that_another_process_deletes_what_ended_long_ago_is_found(bench: Bench) -> None:
    bench.clock.now -= 86_400
    video_id = await bench.create()
    await bench.videos.cancel(OWNER, video_id)
    async with follower_of(bench) as follower:
        await elsewhere(bench, update(VideoRow).values(deleted_at=bench.database.clock()))
        assert await next_news(follower) == {video_id: None}


async def test_an_end_that_is_heard_of_twice_is_told_once(bench: Bench) -> None:
    video_id = await bench.create()
    async with follower_of(bench) as follower:
        await bench.videos.cancel(OWNER, video_id)
        assert list(await next_news(follower)) == [video_id]
        for _ in range(3):
            bench.database.tell(of_video(video_id))
        other = await bench.create()
        assert list(await next_news(follower)) == [other]


async def test_each_hears_of_the_videos_that_it_follows(bench: Bench) -> None:
    async with following_of(bench) as started:
        with ExitStack() as stack:
            own, others, everybody = (
                stack.enter_context(started.follow("key_reader", whose)) for whose in (OWNER, "key_other", None)
            )
            for follower in (own, others, everybody):
                await follower.news(PATIENCE)
            mine = await bench.create()
            assert list(await next_news(own)) == [mine]
            assert list(await next_news(everybody)) == [mine]
            theirs = await bench.create("key_other")
            assert list(await next_news(others)) == [theirs]
            assert list(await next_news(everybody)) == [theirs]
            await bench.videos.cancel(OWNER, mine)
            assert list(await next_news(own)) == [mine]


async def test_an_idle_look_is_one_query_however_many_follow_and_whatever_is_pending(bench: Bench) -> None:
    for number in range(5):
        await bench.create(prompt=f"number {number}")
        await bench.create(f"key_{number}")
    started = Following(bench.database, Feed(bench.database))
    with ExitStack() as stack:
        for number in range(50):
            stack.enter_context(started.follow("key_reader", OWNER if number % 2 else f"key_{number % 10}"))
        await started._look(around=True)  # noqa: SLF001 - the loop would look at its own times
        for _ in range(3):
            with counted() as seen:
                await started._look(around=True)  # noqa: SLF001
            assert len(seen) == 1, [each.text for each in seen]


async def test_a_change_costs_three_queries_however_many_follow(bench: Bench) -> None:
    started = Following(bench.database, Feed(bench.database))
    bench.database.listen_to_videos(started._hear)  # noqa: SLF001
    with ExitStack() as stack:
        followers = [stack.enter_context(started.follow("key_reader", OWNER)) for _ in range(20)]
        await started._look(around=True)  # noqa: SLF001
        for follower in followers:
            await follower.news(PATIENCE)
        made = {await bench.create(prompt=f"number {number}") for number in range(10)}
        with counted() as seen:
            await started._look(around=False)  # noqa: SLF001
        assert len(seen) == 3, [each.text for each in seen]
        for follower in followers:
            assert set(await next_news(follower)) == made


async def test_while_nobody_follows_nothing_is_asked_and_nothing_remembered(bench: Bench) -> None:
    async with following_of(bench) as started:
        with started.follow("key_reader", OWNER) as follower:
            await follower.news(PATIENCE)
            await bench.create()
            await next_news(follower)
        video_id = await bench.create(prompt="nobody is told of this one")
        with counted() as seen:
            await asyncio.sleep(0.2)  # twenty times as long as between two looks
        assert seen == []
        assert not started._pending  # noqa: SLF001 - what would grow without end
        assert not started._changed  # noqa: SLF001
        with started.follow("key_reader", OWNER) as follower:
            await follower.news(PATIENCE)
            await bench.videos.cancel(OWNER, video_id)
            assert list(await next_news(follower)) == [video_id]


async def test_one_who_is_too_slow_has_to_begin_anew_and_holds_nothing(bench: Bench) -> None:
    async with follower_of(bench) as follower:
        for number in range(MOST_UNTOLD + 1):
            follower.hear(f"video_{number}", None)
        assert await follower.news(PATIENCE) == {}
        assert follower.overrun


async def test_several_changes_of_one_video_are_one_the_newest(bench: Bench) -> None:
    video_id = await bench.create()
    seen = await bench.show(video_id)
    async with follower_of(bench) as follower:
        for _ in range(2 * MOST_UNTOLD):
            follower.hear(video_id, seen)
        follower.hear(video_id, None)
        assert await next_news(follower) == {video_id: None}
        assert not follower.overrun


async def test_a_database_that_fails_for_a_while_loses_no_news(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    video_id = await bench.create()
    async with follower_of(bench) as follower:
        failed = asyncio.Event()

        async def fail(*_asked: object) -> Any:
            failed.set()
            raise DatabaseUnavailable("it is away")

        with monkeypatch.context() as patch:
            patch.setattr(following, "look_around", fail)
            patch.setattr(following, "look_at", fail)
            await bench.videos.cancel(OWNER, video_id)
            await asyncio.wait_for(failed.wait(), PATIENCE)
        assert status_of((await next_news(follower))[video_id]) == "failed"


async def test_a_change_that_shows_nothing_is_not_told(bench: Bench) -> None:
    video_id = await bench.create()
    async with follower_of(bench) as follower:

        async def lock(session: AsyncSession) -> None:
            await lock_video(session, video_id)

        await bench.database.write(lock)
        other = await bench.create(prompt="another")
        assert list(await next_news(follower)) == [other]
