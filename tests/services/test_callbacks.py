"""A provider tells that a job has ended: verified, and then only a hint, unless the submit's answer was lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from app.db import outputs
from app.db.leases import Claim
from app.db.session import of_video
from app.domain.errors import GatewayError
from app.domain.jobs import State
from app.providers.errors import Indeterminate, Rejected, Transient
from app.services.callbacks import Callbacks
from app.services.submitting import Submitting
from tests.services.bench import OWNER, Calling, Scripted, open_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.domain.jobs import Operation
    from app.providers.base import Order
    from tests.services.bench import Bench

BASE = "https://gate.example/v1/callbacks"


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Calling("fal"), Scripted("xai")) as opened:
        context = replace(opened.context, callback_base=BASE)
        yield replace(opened, context=context, submitting=Submitting(context))


class Door:
    """Takes callbacks for a bench, and counts how often the engine was woken."""

    def __init__(self, bench: Bench) -> None:
        self.woken = 0
        self._open = False
        self._callbacks = Callbacks(bench.database, bench.context.providers, bench.clock)
        self._database = bench.database
        self._heard: set[str] = set()
        bench.database.listen(State.RUNNING, self._wake)
        bench.database.listen_to_videos(self._heard.add)

    def _wake(self) -> None:
        self.woken += self._open

    async def take(self, order: Order, upstream_id: str = "up-1", provider: str = "fal") -> None:
        await self._hear_all()
        self._open = True
        try:
            await self._callbacks.take(provider, order.submission_id, {}, upstream_id.encode())
        finally:
            await self._hear_all()
            self._open = False

    async def _hear_all(self) -> None:
        """Wait for what Postgres has yet to tell: news come after their write, but in order."""
        mark = uuid4().hex
        async with asyncio.timeout(60):
            while mark not in self._heard:
                await self._database.write(_nothing, news=of_video(mark))
                await asyncio.sleep(0.01)


async def _nothing(_session: AsyncSession) -> None:
    """Write nothing, for the news alone."""


@pytest.fixture
def door(bench: Bench) -> Door:
    return Door(bench)


async def order_of(bench: Bench) -> Order:
    """Submit what is due and return what the provider was sent."""
    await bench.step()
    return bench.provider.ledger[-1]


async def state(bench: Bench, video_id: str) -> tuple[str, object]:
    (output,) = (await bench.show(video_id)).outputs
    return output.state, output.operation


async def test_our_own_id_of_the_submission_is_in_the_address_that_is_called(bench: Bench) -> None:
    await bench.create()
    order = await order_of(bench)
    assert order.callback_url == f"{BASE}/fal/{order.submission_id}"
    await bench.create(model="xai/grok-imagine-video")
    await bench.step()
    other = bench.context.providers["xai"]
    assert isinstance(other, Scripted)
    assert other.ledger[0].callback_url is None


async def test_a_running_job_is_due_at_once(bench: Bench, door: Door) -> None:
    video_id = await bench.create()
    order = await order_of(bench)
    assert await bench.step() == []
    await door.take(order)
    assert door.woken == 1
    assert await bench.step() == [State.RUNNING]
    told = {"id": "up-1", "callback_url": order.callback_url, "told": True}
    assert await state(bench, video_id) == ("running", told)


async def test_a_lost_submission_is_adopted_and_never_sent_again(bench: Bench, door: Door) -> None:
    video_id = await bench.create()
    bench.provider.on_submit = [Indeterminate("cut")]
    order = await order_of(bench)
    await door.take(order, "up-lost")
    told = {"id": "up-lost", "endpoint": order.endpoint, "told": True}
    assert await state(bench, video_id) == ("running", told)
    assert await bench.step() == [State.RUNNING]
    assert len(bench.provider.ledger) == 1
    assert (await bench.show(video_id)).row.status == "in_progress"


async def test_a_job_that_is_found_while_its_cleanup_is_under_way_goes_on(bench: Bench, door: Door) -> None:
    video_id = await bench.create()
    bench.provider.on_submit = [Indeterminate("cut")]
    order = await order_of(bench)
    bench.clock.now += 1000
    assert await bench.step() == [State.SUBMITTING]
    assert (await bench.show(video_id)).row.error_code == "submission_unknown"
    wanted = Claim("bench", bench.clock(), 30.0, 1)
    (cleanup,) = await bench.database.write(partial(outputs.claim, states=None, claim=wanted))
    await door.take(order, "up-lost")
    place = f"videos/{video_id}/0"
    for fence in (cleanup.fence, cleanup.fence + 1):  # as a step before it stored, and one since
        await bench.store.put_bytes(f"{place}/{fence}/video.mp4", b"x", "video/mp4")
    await bench.ending.clean_up(cleanup)
    assert await bench.store.names(place) == [str(cleanup.fence + 1)]
    bench.clock.now += 10
    assert await bench.step() == [State.RUNNING]


async def test_a_second_callback_changes_nothing(bench: Bench, door: Door) -> None:
    video_id = await bench.create()
    bench.provider.on_submit = [Indeterminate("cut")]
    order = await order_of(bench)
    await door.take(order, "up-lost")
    before = await state(bench, video_id)
    await door.take(order, "up-lost")
    assert await state(bench, video_id) == before


async def test_an_answer_that_comes_after_its_own_callback_changes_nothing(bench: Bench, door: Door) -> None:
    video_id = await bench.create()
    submit = bench.provider.submit

    async def called_back_meanwhile(order: Order) -> Operation:
        await door.take(order, "up-1")
        return await submit(order)

    bench.provider.submit = called_back_meanwhile  # type: ignore[method-assign]
    await bench.step()
    assert (await state(bench, video_id))[0] == "running"
    assert await bench.step() == [State.RUNNING]
    assert len(bench.provider.ledger) == 1


async def test_a_cancelled_job_stays_cancelled(bench: Bench, door: Door) -> None:
    video_id = await bench.create()
    order = await order_of(bench)
    await bench.videos.cancel(OWNER, video_id)
    await door.take(order)
    assert (await bench.show(video_id)).row.error_code == "cancelled"


@pytest.mark.parametrize("provider", ["xai", "nobody"])
async def test_only_the_provider_that_got_the_order_may_call(bench: Bench, door: Door, provider: str) -> None:
    await bench.create()
    order = await order_of(bench)
    with pytest.raises(GatewayError) as error:
        await door.take(order, provider=provider)
    assert error.value.code == "not_found"
    assert door.woken == 0


async def test_nor_may_another_provider_that_calls_back(tmp_path: Path) -> None:
    async with open_bench(tmp_path, Calling("fal"), Calling("xai")) as bench:
        door = Door(bench)
        await bench.create()
        order = await order_of(bench)
        with pytest.raises(GatewayError) as error:
            await door.take(order, provider="xai")
        assert error.value.code == "not_found"


async def test_a_callback_about_no_submission_of_ours_is_not_found(bench: Bench, door: Door) -> None:
    await bench.create()
    order = await order_of(bench)
    with pytest.raises(GatewayError) as error:
        await door.take(replace(order, submission_id="sub_other"))
    assert error.value.code == "not_found"


async def test_a_callback_about_another_job_than_the_submissions_own_is_not_found(bench: Bench, door: Door) -> None:
    video_id = await bench.create()
    order = await order_of(bench)
    with pytest.raises(GatewayError) as error:
        await door.take(order, "up-of-somebody-else")
    assert error.value.code == "not_found"
    assert await state(bench, video_id) == ("running", {"id": "up-1", "callback_url": order.callback_url})


@pytest.mark.parametrize(
    ("trouble", "code"),
    [(Rejected("signed by nobody"), "permission_denied"), (Transient("no key set"), "provider_unavailable")],
)
async def test_a_callback_that_is_not_verified_moves_nothing(
    bench: Bench, door: Door, trouble: Exception, code: str
) -> None:
    video_id = await bench.create()
    bench.provider.on_submit = [Indeterminate("cut")]
    order = await order_of(bench)
    assert isinstance(bench.provider, Calling)
    bench.provider.trouble = trouble
    with pytest.raises(GatewayError) as error:
        await door.take(order)
    assert error.value.code == code
    assert (await state(bench, video_id))[0] == "submitting"
    assert door.woken == 0
