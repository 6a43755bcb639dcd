"""The engine's delivery lane: dead and slow receivers, kills, stops, set clocks, and no secret in the log."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from app.db.leases import Claim
from app.db.tables import EndpointRow
from app.domain.webhooks import EVENT_TYPES, PER_OWNER
from app.services import lanes
from app.services.engine import Engine
from tests.receiver import DROP, HANG, receiving, status
from tests.services.bench import OWNER, Scripted, open_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from tests.receiver import Receiver
    from tests.services.bench import Bench

from tests.services.hooks import DAY, add_endpoint, deliver, end_video, log_of, only, until, webhooks_of


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Scripted()) as opened:
        opened.clock.now = time.time()  # by which signatures are judged
        yield opened


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up no receiver that keeps silent, however long a test takes."""
    monkeypatch.setattr("app.services.posting._TOTAL_SECONDS", 600.0)


async def test_a_dead_receiver_delays_nobody_else(bench: Bench, receiver: Receiver) -> None:
    with receiving() as dead:
        dead.answer = HANG
        for _ in range(30):
            await end_video(bench, webhook_url=dead.url())
        for _ in range(10):
            await end_video(bench, webhook_url=receiver.url())
        engine = Engine(bench.context, lease=30.0)
        await engine.start()
        await until(lambda: len(receiver.got) == 10)
        assert len(dead.got) <= 4, "nobody has been given up yet"
        await until(lambda: dead.under_way == 4)
        await asyncio.sleep(0.5)
        assert (len(set(receiver.ids)), dead.most_under_way) == (10, 4)
        await leave(engine)


async def test_one_keys_many_dead_receivers_do_not_delay_another_keys_only_webhook(
    bench: Bench, receiver: Receiver
) -> None:
    with receiving() as dead:
        dead.answer = HANG
        await add_endpoints(bench, 70, dead.url())  # 280 places, if there were no limit
        for _ in range(8):
            await end_video(bench)
        engine = Engine(bench.context, lease=30.0)
        await engine.start()
        await until(lambda: dead.under_way == PER_OWNER)
        video_id = await end_video(bench, "key_other", webhook_url=receiver.url())
        await until(lambda: receiver.got)
        assert len(dead.got) <= PER_OWNER, "nobody has been given up yet"
        waiting = await log_of(bench, status="pending", limit=1000)
        assert (len(waiting), dead.most_under_way) == (560, PER_OWNER)
        assert [got.event["data"]["id"] for got in receiver.got] == [video_id]
        await leave(engine)


async def add_endpoints(bench: Bench, count: int, url: str) -> None:
    """Add as many as only an operator without limits could."""
    columns = {"owner": OWNER, "name": "dead", "url": url, "secret": "whsec_eA==", "event_types": list(EVENT_TYPES)}
    rows = [EndpointRow(id=f"we_{number}", created_at=0.0, updated_at=0.0, **columns) for number in range(count)]

    async def work(session: AsyncSession) -> None:
        session.add_all(rows)

    await bench.database.write(work)


async def leave(engine: Engine) -> None:
    """Stop an engine whose receivers keep silent, without the nine seconds for which it would wait for them."""
    for task in [task for lane in engine._lanes for task in lane.busy]:  # noqa: SLF001 - there is no other way to them
        task.cancel()
    await engine.stop()


async def test_what_an_engine_left_when_it_was_killed_is_delivered_by_the_next(
    bench: Bench, receiver: Receiver
) -> None:
    await end_video(bench, webhook_url=receiver.url())
    claim = Claim("killed", bench.clock(), 30.0, 100)
    assert await bench.database.write(partial(bench.delivering.claim, claim=claim))
    if bench.database.shared:  # there, the lease must run out
        bench.clock.now += 31
    engine = Engine(bench.context, lease=30.0)
    await engine.start()
    await until(lambda: receiver.got)
    await engine.stop()
    assert len(receiver.got) == 1


async def test_a_slow_receiver_is_not_sent_the_same_twice_and_a_stop_hands_it_back(
    bench: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.engine._DRAIN_SECONDS", 0.1)
    receiver.answer = HANG
    await end_video(bench, webhook_url=receiver.url())
    engine = Engine(bench.context, lease=0.6)
    await engine.start()
    await until(lambda: receiver.got)
    async with asyncio.timeout(60):
        for _ in range(10):  # by then the lease would have run out several times
            bench.clock.now += 0.5
            engine.wake()
            while ((await only(bench)).row.lease_until or 0.0) < bench.clock.now + 0.6:
                await asyncio.sleep(0.05)
    assert len(receiver.got) == 1
    await engine.stop()
    row = (await only(bench)).row
    assert (row.state, row.lease_owner) == ("pending", None)


async def test_a_set_clock_moves_webhooks_and_since_when_their_receivers_fail(bench: Bench, receiver: Receiver) -> None:
    endpoint = await add_endpoint(bench, receiver.url())
    receiver.answer = status(500)
    await end_video(bench)
    await deliver(bench)
    due = (await only(bench)).row.run_at or 0.0
    await bench.database.write(partial(lanes.put_off, seconds=DAY))
    assert (await only(bench)).row.run_at == due + DAY
    found = await webhooks_of(bench).get(OWNER, endpoint.id)
    assert (found.failing_since, found.failed_at) == (bench.clock() + DAY, bench.clock() + DAY)


async def test_no_secret_is_logged_or_repeated(
    bench: Bench, receiver: Receiver, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = await add_endpoint(bench, receiver.url("/?token=planted"))
    receiver.answers = [status(500), DROP, status(200)]
    for _ in range(3):
        await end_video(bench, webhook_url=receiver.url("/?token=planted"))
        await deliver(bench)
    monkeypatch.setattr("app.services.delivering.signed_headers", lambda *_: 1 / 0)
    engine = Engine(bench.context, lease=30.0)
    await end_video(bench)
    await engine.start()
    heard: list[str] = []

    def fallen() -> bool:
        heard.extend(capfd.readouterr())
        return "ZeroDivisionError" in "".join(heard)

    await until(fallen)
    await engine.stop()
    said = "".join((*heard, *capfd.readouterr()))
    assert "webhook not delivered" in said
    for secret in (endpoint.secret, await webhooks_of(bench).secret(OWNER)):
        assert secret not in said
        assert secret.removeprefix("whsec_") not in said
    assert "planted" not in said
