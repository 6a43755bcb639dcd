"""Snapshots: asking again costs no query, and what is answered is never what was."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from app.db.outputs import lock_video
from app.domain.jobs import State
from app.services.snapshots import Answer, Snapshots, Viewer
from tests.services.bench import Scripted, open_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from tests.services.bench import Bench

ANN = Viewer("ann", "http://gateway")


@dataclass
class Desk:
    """Asks for videos, and counts how often they were really looked at."""

    bench: Bench
    snapshots: Snapshots
    looks: int = 0
    until: float = math.inf

    async def look(self) -> Answer:
        self.looks += 1
        return Answer(str(self.looks).encode(), (), self.until)

    async def ask(self, video_id: str = "video_1", viewer: Viewer = ANN) -> str:
        known = self.snapshots.videos.find(video_id, viewer) or await self.snapshots.videos.read(
            video_id, viewer, self.look
        )
        return known.body.decode()

    async def change(self, video_id: str = "video_1") -> None:
        async def work(session: AsyncSession) -> None:
            await lock_video(session, video_id)

        await self.bench.database.write(work)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_bench(tmp_path, Scripted()) as bench:
        yield Desk(bench, Snapshots(bench.database, bench.clock))


@pytest.fixture(autouse=True)
def _one_database(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, desk: Desk) -> None:
    """Replicas that share a database keep nothing; what that means is a test of its own."""
    del monkeypatch
    if desk.bench.database.shared and "shared" not in request.node.name:
        desk.snapshots.videos._most = 100  # noqa: SLF001 - the rest holds there as well


async def test_asking_again_is_answered_without_looking(desk: Desk) -> None:
    assert [await desk.ask() for _ in range(3)] == ["1", "1", "1"]


async def test_a_change_is_seen_by_whoever_asks_after_it(desk: Desk) -> None:
    await desk.ask()
    await desk.change()
    assert await desk.ask() == "2"


async def test_an_attempt_that_a_resting_provider_did_not_get_is_seen(desk: Desk) -> None:
    video_id = await desk.bench.create()
    assert await desk.ask(video_id) == "1"
    for _fault in range(5):
        desk.bench.context.breakers.failed("local")
    assert await desk.bench.step() == [State.QUEUED]
    (output,) = (await desk.bench.show(video_id)).outputs
    assert (output.state, len(output.history)) == (State.QUEUED, 1)
    assert await desk.ask(video_id) == "2"


async def test_a_change_of_another_video_is_not_looked_for(desk: Desk) -> None:
    await desk.ask()
    await desk.change("video_2")
    assert await desk.ask() == "1"


async def test_what_was_read_before_a_change_is_not_kept(desk: Desk) -> None:
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> Answer:
        reading.set()
        await go_on.wait()
        return Answer(b"old", (), math.inf)

    asked = asyncio.create_task(desk.snapshots.videos.read("video_1", ANN, slow))
    await reading.wait()
    await desk.change()
    go_on.set()
    await asked
    assert desk.snapshots.videos.find("video_1", ANN) is None


async def test_a_look_before_a_change_does_not_end_one_after_it(desk: Desk) -> None:
    gates = {name: asyncio.Event() for name in ("old", "new")}

    async def slow(name: str) -> Answer:
        await gates[name].wait()
        return Answer(name.encode(), (), math.inf)

    old = asyncio.create_task(desk.snapshots.videos.read("video_1", ANN, lambda: slow("old")))
    await asyncio.sleep(0)
    await desk.change()
    new = asyncio.create_task(desk.snapshots.videos.read("video_1", ANN, lambda: slow("new")))
    await asyncio.sleep(0)
    gates["old"].set()
    await old
    gates["new"].set()
    await new
    assert await desk.ask() == "new"


async def test_many_who_ask_at_once_still_leave_an_answer(desk: Desk) -> None:
    async def keep_asking() -> None:
        for _ in range(5):
            await desk.snapshots.videos.read("video_1", ANN, desk.look)

    await asyncio.gather(*(keep_asking() for _ in range(8)))
    assert desk.snapshots.videos.find("video_1", ANN) is not None


async def test_a_caller_who_goes_away_does_not_keep_the_news_from_others(desk: Desk) -> None:
    await desk.ask()
    leaving = asyncio.create_task(desk.change())
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await desk.change("video_2")  # a write of its own, after the other has ended
    assert (await desk.ask() == "2") or desk.bench.database.shared  # Postgres has undone that write


@pytest.mark.parametrize("other", [replace(ANN, owner="bob"), replace(ANN, base_url="https://gateway")])
async def test_an_answer_is_for_one_owner_at_one_address(desk: Desk, other: Viewer) -> None:
    await desk.ask()
    assert desk.snapshots.videos.find("video_1", other) is None
    assert await desk.ask(viewer=other) == "2"


async def test_an_answer_is_good_until_its_video_expires(desk: Desk) -> None:
    desk.until = desk.bench.clock() + 5
    await desk.ask()
    desk.bench.clock.now += 4
    assert await desk.ask() == "1"
    desk.bench.clock.now += 1
    assert await desk.ask() == "2"


@pytest.mark.parametrize("seconds", [31.0, -1.0])
async def test_an_answer_grows_old_also_when_the_clock_is_set_back(desk: Desk, seconds: float) -> None:
    await desk.ask()
    desk.bench.clock.now += seconds
    assert await desk.ask() == "2"


async def test_the_answers_longest_not_looked_at_go_first(desk: Desk) -> None:
    desk.snapshots.videos._most = 2  # noqa: SLF001 - thousands take long
    for video_id in ("video_1", "video_2", "video_3"):
        await desk.ask(video_id)
    assert desk.snapshots.videos.find("video_1", ANN) is None
    assert desk.snapshots.videos.find("video_3", ANN) is not None


@pytest.mark.parametrize(("length", "kept"), [(16 << 10, True), ((16 << 10) + 1, False)])
async def test_an_answer_far_longer_than_usual_is_given_and_not_kept(desk: Desk, length: int, *, kept: bool) -> None:
    async def look() -> Answer:
        return Answer(b"x" * length, (), math.inf)

    assert len((await desk.snapshots.videos.read("video_1", ANN, look)).body) == length
    assert (desk.snapshots.videos.find("video_1", ANN) is not None) is kept


async def test_no_link_is_shown_that_was_signed_before_the_secret_changed(desk: Desk) -> None:
    await desk.ask()
    desk.bench.database.tell("links")
    assert await desk.ask() == "2"


async def test_a_look_that_fails_leaves_nothing_behind(desk: Desk) -> None:
    async def fail() -> Answer:
        raise LookupError

    with pytest.raises(LookupError):
        await desk.snapshots.videos.read("video_1", ANN, fail)
    assert not desk.snapshots.videos._reading  # noqa: SLF001 - what would grow without end


async def test_replicas_with_a_shared_database_always_look(desk: Desk) -> None:
    answers = [await desk.ask(), await desk.ask()]
    assert answers == (["1", "2"] if desk.bench.database.shared else ["1", "1"])
