"""Two engines on one Postgres deliver between them what is due: each event once, and no more at a time than one may."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import pytest

from app.db.leases import Claim
from app.db.postgres import PostgresDatabase
from app.domain.webhooks import PER_TARGET
from app.services.engine import Engine
from tests.receiver import HANG, receiving, status
from tests.services import bench
from tests.services.bench import OWNER, Scripted
from tests.services.bench import open_bench as open_replica  # not run on SQLite by conftest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from app.db.deliveries import Delivery
    from tests.services.bench import Bench

pytestmark = pytest.mark.timeout(180)

_EVENTS = 60


@pytest.fixture
async def replicas(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Bench, Bench]]:
    monkeypatch.setattr(bench, "new_database", lambda _folder: PostgresDatabase(postgres_url))
    one, two = open_replica(tmp_path / "one", Scripted()), open_replica(tmp_path / "two", Scripted())
    async with one as first, two as second:
        yield first, second


async def end_videos(replica: Bench, count: int, url: str) -> set[str]:
    ended = set()
    for _ in range(count):
        video_id = await replica.create(webhook_url=url)
        await replica.videos.cancel(OWNER, video_id)
        ended.add(video_id)
    return ended


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not done():
            await asyncio.sleep(0.02)


async def test_two_replicas_together_take_no_more_than_a_receiver_may_get(replicas: tuple[Bench, Bench]) -> None:
    for host in ("one.example", "two.example"):
        await end_videos(replicas[0], 20, f"https://{host}/")

    async def take(replica: Bench, name: str) -> list[Delivery]:
        claim = Claim(name, replica.clock(), 30.0, 3)
        return await replica.database.write(partial(replica.delivering.claim, claim=claim))

    turns = [(replica, f"engine-{turn}") for turn in range(8) for replica in replicas]
    taken = [each for some in await asyncio.gather(*(take(*turn) for turn in turns)) for each in some]
    assert len({each.id for each in taken}) == len(taken)
    assert Counter(each.row.target for each in taken) == {
        f"{OWNER} one.example": PER_TARGET,
        f"{OWNER} two.example": PER_TARGET,
    }


async def test_two_replicas_deliver_each_event_once(replicas: tuple[Bench, Bench]) -> None:
    with receiving() as receiver:
        receiver.delay = 0.02
        ended = await end_videos(replicas[0], _EVENTS, receiver.url())
        engines = [Engine(replica.context, lease=30.0) for replica in replicas]
        for engine in engines:
            await engine.start()
        await until(lambda: len(receiver.got) >= _EVENTS)
        await asyncio.sleep(0.5)
        for engine in engines:
            await engine.stop()
    times = Counter(got.event["data"]["id"] for got in receiver.got)
    assert set(times) == ended
    assert set(times.values()) == {1}
    assert receiver.most_under_way <= PER_TARGET


async def test_what_a_replica_took_and_never_sent_is_sent_by_the_other(replicas: tuple[Bench, Bench]) -> None:
    """At least once: a replica that dies after the receiver has answered is no different from one that died before."""
    one, two = replicas
    with receiving() as receiver:
        receiver.answer = HANG
        ended = await end_videos(one, 3, receiver.url())
        doomed = Engine(one.context, lease=30.0)
        await doomed.start()
        await until(lambda: len(receiver.got) == 3)
        for task in asyncio.all_tasks():  # the replica is gone, with its leases
            if task.get_name().startswith(("deliver-", "lane-", "leases", "sweeps", "clock")):
                task.cancel()
        receiver.answer = status(200)
        two.clock.now += 31
        heir = Engine(two.context, lease=30.0)
        await heir.start()
        await until(lambda: len(receiver.got) == 6)
        await asyncio.sleep(0.3)
        await heir.stop()
    times = Counter(got.event["data"]["id"] for got in receiver.got)
    assert times == dict.fromkeys(ended, 2), "once by each"
