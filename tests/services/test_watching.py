"""A provider that tells of the end is not asked before, unless its callback may be lost; progress moves meanwhile."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from app.domain.jobs import State
from app.domain.pacing import USUAL_SECONDS
from app.providers.base import Failed, Pending, Succeeded
from app.providers.errors import Transient
from app.services import lanes
from app.services.callbacks import Callbacks
from app.services.polling import Polling
from app.services.submitting import Submitting
from tests.services.bench import Calling, open_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.services.bench import Bench

BASE = "https://gate.example/v1/callbacks"
OVERDUE = 1.5 * USUAL_SECONDS
DONE = Succeeded(url="https://fal.example/film.mp4")


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Calling("fal")) as opened:
        yield behind(opened, BASE)


def behind(bench: Bench, base: str | None, **changes: float) -> Bench:
    """Start the engine anew, behind this address."""
    context = replace(bench.context, callback_base=base, **changes)  # type: ignore[arg-type]  # poll_seconds
    return replace(bench, context=context, submitting=Submitting(context), polling=Polling(context))


def asked(bench: Bench) -> int:
    """Return how often the provider was asked."""
    assert isinstance(bench.provider, Calling)
    return len(bench.provider.polled)


async def step(bench: Bench) -> list[State]:
    """Take every due output one step further, save for those to be stored."""
    jobs = await bench.claim(State.QUEUED, State.RUNNING)
    for job in jobs:
        if job.state is State.QUEUED:
            await bench.submitting.submit(job, lambda: True)
        else:
            await bench.polling.poll(job)
    return [job.state for job in jobs]


async def order(bench: Bench) -> str:
    """Create a video and submit it."""
    video_id = await bench.create()
    assert await step(bench) == [State.QUEUED]
    return video_id


async def go_on(bench: Bench, seconds: float) -> list[int]:
    """Let time pass, a second at a step, and return after how many of them the provider was asked."""
    times = []
    for second in range(1, int(seconds) + 1):
        bench.clock.now += 1
        before = asked(bench)
        await step(bench)
        if asked(bench) > before:
            times.append(second)
    return times


async def call(bench: Bench, number: int = -1) -> None:
    """Have the provider call back about one of its jobs."""
    callbacks = Callbacks(bench.database, bench.context.providers, bench.clock)
    jobs = len(bench.provider.ledger)
    upstream_id = f"up-{range(1, jobs + 1)[number]}"
    await callbacks.take("fal", bench.provider.ledger[number].submission_id, {}, upstream_id.encode())


async def state(bench: Bench, video_id: str) -> str:
    return (await bench.show(video_id)).outputs[0].state


async def test_a_job_is_asked_about_once_after_its_callback(bench: Bench) -> None:
    video_id = await order(bench)
    assert await go_on(bench, 50) == []
    await call(bench)
    bench.provider.on_poll = [DONE]
    assert await step(bench) == [State.RUNNING]
    assert isinstance(bench.provider, Calling)
    assert [handle["told"] for handle in bench.provider.polled] == [True]
    assert await state(bench, video_id) == "storing"
    assert bench.context.pace.usual("fal", bench.provider.ledger[0].endpoint) == 50


async def test_progress_moves_while_nobody_is_asked(bench: Bench) -> None:
    video_id = await order(bench)
    shown = []
    for _quarter in range(4):
        assert await go_on(bench, 15) == []
        shown.append((await bench.show(video_id)).row.progress)
    assert shown == sorted(set(shown))
    assert 20 < shown[0] < shown[-1] <= 95


async def test_an_overdue_job_is_asked_about_each_half_minute(bench: Bench) -> None:
    await order(bench)
    times = await go_on(bench, OVERDUE + 100)
    assert times[0] == OVERDUE
    assert [later - earlier for earlier, later in pairwise(times)] == pytest.approx([30, 30, 30], rel=0.2)


async def test_an_overdue_question_that_fails_is_soon_asked_again(bench: Bench) -> None:
    await order(bench)
    bench.provider.on_poll = [Transient("502", 7.0)]
    assert await go_on(bench, OVERDUE + 10) == [OVERDUE, OVERDUE + 7]


async def test_a_new_process_asks_once_about_what_it_finds_running(bench: Bench) -> None:
    await order(bench)
    assert await go_on(bench, 20) == []
    bench = behind(bench, BASE)
    bench.clock.now += 1
    (first,) = await go_on(bench, OVERDUE - 22)
    assert first <= 6
    assert await go_on(bench, 1) == [1]  # and then as ever: when it is overdue


async def test_a_process_that_was_up_before_the_job_needs_no_question_of_its_own(bench: Bench) -> None:
    other = replace(bench, polling=Polling(bench.context))
    await order(bench)
    for number in range(40):
        assert await go_on((bench, other)[number % 2], 2) == []


async def test_two_processes_share_the_questions(bench: Bench) -> None:
    other = replace(bench, polling=Polling(bench.context))
    await order(bench)
    await go_on(bench, OVERDUE)
    assert asked(bench) == 1
    for number in range(12):
        await go_on((bench, other)[number % 2], 2)
    assert asked(bench) == 1


@pytest.mark.parametrize("end", [DONE, Failed("provider_error", "no")])
async def test_after_a_lost_callback_jobs_are_polled_until_one_has_come(bench: Bench, end: Succeeded | Failed) -> None:
    lost = await order(bench)
    await go_on(bench, OVERDUE - 1)
    bench.provider.on_poll = [end]
    assert await go_on(bench, 1) == [1]
    assert await state(bench, lost) != "running"
    await order(bench)
    polls = len(await go_on(bench, 50))
    assert 5 < polls < 30
    await call(bench)
    bench.provider.on_poll = [DONE]
    await step(bench)
    await order(bench)
    assert await go_on(bench, 50) == []


async def test_how_long_it_took_is_not_learnt_from_a_job_whose_callback_was_lost(bench: Bench) -> None:
    await order(bench)
    await go_on(bench, OVERDUE - 1)
    bench.provider.on_poll = [DONE]
    await go_on(bench, 1)
    assert bench.context.pace.usual("fal", bench.provider.ledger[0].endpoint) == USUAL_SECONDS


async def test_a_job_that_ended_while_nobody_was_up_casts_no_doubt_on_callbacks(bench: Bench) -> None:
    await order(bench)
    bench.clock.now += 40
    bench = behind(bench, BASE)
    bench.clock.now += 1
    bench.provider.on_poll = [DONE]
    assert await step(bench) == [State.RUNNING]
    assert asked(bench) == 1
    await order(bench)
    assert await go_on(bench, 50) == []


@pytest.mark.parametrize("base", [None, "https://elsewhere.example/v1/callbacks", BASE[:-1]])
async def test_a_job_that_would_call_another_address_than_ours_is_polled(bench: Bench, base: str | None) -> None:
    await order(bench)
    assert 5 < len(await go_on(behind(bench, base), 50)) < 30


async def test_a_job_that_was_ordered_without_our_address_is_polled(bench: Bench) -> None:
    await order(behind(bench, None))
    assert 5 < len(await go_on(bench, 50)) < 30


async def test_a_told_job_whose_result_is_not_there_yet_is_soon_asked_about_again(bench: Bench) -> None:
    video_id = await order(bench)
    await go_on(bench, 50)
    await call(bench)
    bench.provider.on_poll = [Pending(), Pending(), DONE]
    await step(bench)
    assert len(await go_on(bench, 10)) == 2
    assert await state(bench, video_id) == "storing"


async def test_a_fixed_interval_is_kept_to(bench: Bench) -> None:
    bench = behind(bench, BASE, poll_seconds=20)
    await order(bench)
    assert await go_on(bench, 70) == pytest.approx([20, 40, 60], abs=1)


async def test_no_job_times_out_before_it_was_asked_about(bench: Bench) -> None:
    bench = behind(bench, BASE, poll_seconds=100_000)
    video_id = await order(bench)
    bench.clock.now += 3590
    assert await go_on(bench, 9) == []
    assert len(await go_on(bench, 10)) == 1
    assert (await bench.show(video_id)).row.error_code == "timeout"


async def test_a_date_that_is_set_back_keeps_no_job_waiting(bench: Bench) -> None:
    await order(bench)
    await go_on(bench, 20)
    bench.clock.now -= 7200
    bench.polling.watching.put_off(-7200)
    await bench.database.write(partial(lanes.put_off, seconds=-7200))
    times = await go_on(bench, 100)
    assert times[0] <= 6
    assert 3 <= len(times) <= 4


async def test_a_date_that_is_set_back_after_a_question_keeps_no_job_waiting(bench: Bench) -> None:
    await order(bench)
    await go_on(bench, OVERDUE)
    bench.clock.now -= 7200
    bench.polling.watching.put_off(-7200)
    await bench.database.write(partial(lanes.put_off, seconds=-7200))
    assert (await go_on(bench, 20))[0] <= 6
