"""One key's hostile jobs hold up no other key's: slots that are shared, and look-ups there is no time for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, update

from app.db import outputs
from app.db.leases import Claim
from app.db.tables import OutputRow
from app.domain.errors import GatewayError
from app.domain.jobs import State
from app.media.fetch import Fetcher
from app.media.network import NetworkPolicy
from app.media.shares import Places
from app.services.engine import Engine
from app.services.inputs import Inputs
from tests.receiver import HANG, receiving
from tests.services.bench import OWNER, Scripted, open_bench
from tests.services.hooks import add_endpoint, end_video, log_of, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.media.fetch import FetchedFile
    from tests.receiver import Receiver
    from tests.services.bench import Bench

PICTURE = "https://93.184.216.34/picture.png"
SLOTS = 32
BUSY = Places(total=0, each=1)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Scripted()) as opened:
        yield opened


class Led(Fetcher):
    """Fetches everything from one address, which stands for a server on the internet."""

    def __init__(self, address: str) -> None:
        super().__init__(NetworkPolicy.parse("127.0.0.1"))
        self.address = address

    async def fetch(self, url: str, target: Path, max_bytes: int) -> FetchedFile:
        del url
        return await super().fetch(self.address, target, max_bytes)


def engine_led_to(bench: Bench, address: str) -> Engine:
    inputs = Inputs(bench.database, bench.store, Led(address))
    return Engine(replace(bench.context, inputs=inputs), lease=30.0)


async def leave(engine: Engine) -> None:
    """Stop an engine whose inputs do not come, without the nine seconds for which it would wait for them."""
    for task in [task for lane in engine._lanes for task in lane.busy]:  # noqa: SLF001 - there is no other way to them
        task.cancel()
    await engine.stop()


async def with_a_picture(bench: Bench, owner: str, outputs: int) -> None:
    await bench.create(owner, n=outputs, input_reference={"image_url": PICTURE})


async def test_one_keys_many_inputs_that_never_come_do_not_delay_another_keys_submit(bench: Bench) -> None:
    with receiving() as tarpit:
        tarpit.answer = HANG
        for _ in range(6):
            await with_a_picture(bench, "key_hostile", 10)
        engine = engine_led_to(bench, tarpit.url())
        await engine.start()
        await until(lambda: tarpit.under_way == SLOTS // 2)
        await bench.create("key_other", n=3)
        engine.wake()
        await until(lambda: len(bench.provider.ledger) == 3)
        assert len(tarpit.got) <= SLOTS // 2, "none has been given up yet"
        await asyncio.sleep(0.3)
        assert tarpit.most_under_way == SLOTS // 2
        await leave(engine)


async def test_four_such_keys_leave_room_for_one_more(bench: Bench) -> None:
    with receiving() as tarpit:
        tarpit.answer = HANG
        for key in range(4):
            for _ in range(2):
                await with_a_picture(bench, f"key_hostile_{key}", 10)
        engine = engine_led_to(bench, tarpit.url())
        await engine.start()
        await until(lambda: tarpit.under_way == 16 + 8 + 4 + 2)
        await asyncio.sleep(0.3)
        assert tarpit.most_under_way == 16 + 8 + 4 + 2
        await bench.create("key_other")
        engine.wake()
        await until(lambda: bench.provider.ledger)
        await leave(engine)


async def test_where_every_slot_is_taken_the_next_is_for_a_key_that_has_none(bench: Bench) -> None:
    with receiving() as tarpit:
        tarpit.answer = HANG
        for key in range(6):
            for _ in range(2):
                await with_a_picture(bench, f"key_hostile_{key}", 10)
        engine = engine_led_to(bench, tarpit.url())
        await engine.start()
        await until(lambda: tarpit.under_way == SLOTS)
        await bench.create("key_other")
        (submit,) = (lane for lane in engine._lanes if lane.shared)  # noqa: SLF001 - there is no other way to it
        next(iter(submit.busy)).cancel()
        await until(lambda: bench.provider.ledger)
        assert len(tarpit.got) == SLOTS
        await leave(engine)


async def test_a_key_alone_is_submitted_all_it_has(bench: Bench) -> None:
    for _ in range(8):
        await bench.create(n=10)
    engine = Engine(bench.context, lease=30.0)
    await engine.start()
    await until(lambda: len(bench.provider.ledger) == 80)
    await engine.stop()


async def test_a_claim_passes_over_ten_thousand_of_spared_owners(bench: Bench) -> None:
    await bench.create("key_hostile")
    await many_more(bench, 9_999)
    lane = frozenset({State.QUEUED, State.SUBMITTING})
    claim = Claim("bench", bench.clock(), 30.0, 16, frozenset({"key_hostile"}))
    async with bench.database.read() as session:
        assert await outputs.next_due(session, lane, claim) is None
    await bench.create("key_other")
    async with bench.database.read() as session:
        assert await outputs.next_due(session, lane, claim) == bench.clock()
    jobs = await bench.database.write(partial(outputs.claim, states=lane, claim=claim))
    assert [job.owner for job in jobs] == ["key_other"]


async def many_more(bench: Bench, count: int) -> None:
    """Add that many outputs like the only one there is."""

    async def work(session: AsyncSession) -> None:
        (row,) = (await session.execute(select(OutputRow.__table__))).mappings()
        same = {name: value for name, value in row.items() if name not in ("id", "index")}
        rows = [{**same, "id": f"out_{number}", "index": number} for number in range(1, count + 1)]
        await session.execute(insert(OutputRow), rows)
        await session.execute(update(OutputRow).values(run_at=bench.clock()))

    await bench.database.write(work)


async def test_an_input_that_there_is_no_time_to_look_up_is_a_503_and_not_the_users_fault(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.media.destination._PLACES", BUSY)
    monkeypatch.setattr("app.media.destination._TURN_SECONDS", 0.05)
    with pytest.raises(GatewayError, match="Try again") as caught:
        await with_a_picture(bench, OWNER, 1)
    assert (caught.value.code, caught.value.kind.status, caught.value.retry_after) == ("overloaded", 503, 5)


async def test_a_job_whose_input_there_is_no_time_to_look_up_is_sent_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    video_id = await bench.create(input_reference={"image_url": PICTURE})
    with monkeypatch.context() as busy:
        busy.setattr("app.media.destination._PLACES", BUSY)
        busy.setattr("app.media.destination._TURN_SECONDS", 0.05)
        assert await bench.step() == [State.QUEUED]
    (output,) = (await bench.show(video_id)).outputs
    assert (output.state, output.run_at, output.attempts) == ("queued", bench.clock() + 5, 0)


async def test_a_webhook_whose_receiver_there_is_no_time_to_look_up_counts_as_no_failure(
    bench: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_endpoint(bench, receiver.url())
    await end_video(bench)
    claim = Claim("bench", bench.clock(), 30.0, 100)
    (due,) = await bench.database.write(partial(bench.delivering.claim, claim=claim))
    with monkeypatch.context() as busy:
        busy.setattr("app.media.destination._PLACES", BUSY)
        busy.setattr("app.media.destination._TURN_SECONDS", 0.05)
        await bench.delivering.deliver(due)
    (delivery,) = await log_of(bench)
    row = delivery.row
    assert (row.state, row.failures, row.history, row.run_at) == ("pending", 0, [], bench.clock() + 5)
    assert delivery.endpoint is not None
    assert delivery.endpoint.failing_since is None


async def test_whoever_has_the_least_under_way_is_delivered_to_first(bench: Bench, receiver: Receiver) -> None:
    for _ in range(3):
        await end_video(bench, "key_busy", webhook_url=receiver.url())
    take = partial(bench.database.write, partial(bench.delivering.claim, claim=Claim("x", bench.clock(), 30.0, 1)))
    assert [each.owner for each in await take()] == ["key_busy"]
    bench.clock.now += 1
    await end_video(bench, "key_idle", webhook_url=receiver.url())
    take = partial(bench.database.write, partial(bench.delivering.claim, claim=Claim("x", bench.clock(), 30.0, 1)))
    assert [each.owner for each in await take()] == ["key_idle"]


async def test_what_waits_of_those_who_are_spared_is_passed_over_beside_the_event_loop(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, write, brief = Engine(bench.context, lease=30.0), bench.database.write, list[bool]()
    (lane,) = (each for each in engine._lanes if each.shared)  # noqa: SLF001 - there is no other way to it
    for _ in range(2):
        await bench.create(n=SLOTS // 4)
    under_way = await bench.claim(State.QUEUED)

    async def noting(*arguments: Any, **options: Any) -> object:
        brief.append(options.get("brief", False))
        return await write(*arguments, **options)

    monkeypatch.setattr(bench.database, "write", noting)
    await engine._claim(lane)  # noqa: SLF001 - as above
    lane.busy |= {asyncio.create_task(asyncio.sleep(600)): job for job in under_way}
    await engine._claim(lane)  # noqa: SLF001 - as above
    await leave(engine)
    assert brief[:2] == [True, False]


async def test_a_lane_whose_look_had_to_wait_sleeps_no_longer_for_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, write = Engine(bench.context, lease=30.0), bench.database.write
    (lane,) = (each for each in engine._lanes if each.shared)  # noqa: SLF001 - there is no other way to it
    await bench.create()
    bench.clock.now -= 3

    async def slowly(*arguments: Any, **options: Any) -> object:
        found = await write(*arguments, **options)
        bench.clock.now += 2
        return found

    monkeypatch.setattr(bench.database, "write", slowly)
    assert await engine._claim(lane) == 1.0  # noqa: SLF001 - as above
    assert await engine._claim(lane) == 0.0  # noqa: SLF001 - as above
