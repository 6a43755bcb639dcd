"""Which provider is asked next, when and why; the scripted providers' ledgers are what was paid."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from app.domain.jobs import State
from app.domain.requests import Upload
from app.providers.base import Failed, Succeeded
from app.providers.errors import Indeterminate, Misconfigured, Rejected, Transient
from app.services.breakers import Breakers
from app.services.submitting import Submitting
from tests.services.bench import OWNER, Scripted, open_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.services.bench import Bench

NAMES = ("fal", "aimlapi", "xai")


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, *(Scripted(name=name) for name in NAMES)) as opened:
        yield opened


def scripted(bench: Bench, name: str) -> Scripted:
    provider = bench.context.providers[name]
    assert isinstance(provider, Scripted)
    return provider


def paid(bench: Bench) -> list[int]:
    return [len(scripted(bench, name).ledger) for name in NAMES]


def open_breaker(bench: Bench) -> None:
    for _fault in range(5):
        bench.context.breakers.failed("fal")


async def story(bench: Bench, video_id: str) -> list[tuple[object, object]]:
    (output,) = (await bench.show(video_id)).outputs
    return [(each["provider"], each["outcome"]) for each in output.history]


async def rounds(bench: Bench, times: int) -> None:
    """Do whatever is due, `times` times, a minute apart."""
    for _round in range(times):
        while await bench.step():
            pass
        bench.clock.now += 60


async def test_an_outage_of_everyone_is_retold_by_each_ones_latest_word(bench: Bench) -> None:
    video_id = await bench.create()
    for name in NAMES:
        scripted(bench, name).on_submit = [Transient("down")] * 3
    await rounds(bench, 3)
    assert await story(bench, video_id) == [(name, "unavailable") for name in NAMES]
    assert (await bench.show(video_id)).row.status == "queued"
    await bench.step()
    assert paid(bench) == [4, 3, 3]
    assert (await bench.show(video_id)).row.status == "in_progress"


async def test_one_who_refuses_every_round_is_told_of_once(bench: Bench) -> None:
    video_id = await bench.create()
    scripted(bench, "fal").on_submit = [Misconfigured("no key")] * 5
    scripted(bench, "aimlapi").on_submit = [Transient("busy")] * 5
    scripted(bench, "xai").on_submit = [Misconfigured("no balance")] * 5
    await rounds(bench, 5)
    assert sorted(await story(bench, video_id)) == [
        ("aimlapi", "unavailable"),
        ("fal", "refused"),
        ("xai", "refused"),
    ]
    assert (await bench.show(video_id)).row.status == "queued"


async def test_a_round_waits_longer_each_time_and_as_long_as_it_is_asked_to(bench: Bench) -> None:
    await bench.create(model="fal/grok-imagine-video")
    scripted(bench, "fal").on_submit = [Transient("busy", 0), Transient("busy", 0), Transient("busy", 200)]
    waited = []
    for _submit in range(3):
        began = bench.clock.now
        while not await bench.step():
            bench.clock.now += 1
        waited.append(bench.clock.now - began)
    assert waited == [0, 5, 10]
    bench.clock.now += 199
    assert await bench.step() == []
    bench.clock.now += 1
    assert await bench.step() == [State.QUEUED]


async def times_asked(bench: Bench, seconds: int) -> dict[str, list[int]]:
    """Let time pass second by second and return when each provider was asked, counted from now."""
    began, asked = bench.clock.now, {name: list[int]() for name in NAMES}
    for _second in range(seconds):
        while await bench.step():
            pass
        for name, moments in asked.items():
            new = len(scripted(bench, name).ledger) - len(moments)
            moments.extend([int(bench.clock.now - began)] * new)
        bench.clock.now += 1
    return asked


async def test_each_provider_is_asked_again_when_it_said_it_could(bench: Bench) -> None:
    await bench.create()
    scripted(bench, "fal").on_submit = [Transient("busy", 60), Transient("busy", 90)]
    scripted(bench, "aimlapi").on_submit = [Transient("busy", 12), Transient("busy", 200)]
    scripted(bench, "xai").on_submit = [Transient("busy", 300)]
    assert await times_asked(bench, 155) == {"fal": [0, 60, 150], "aimlapi": [0, 12], "xai": [0]}


async def test_a_short_wait_at_the_end_does_not_cut_the_long_ones_before_it_short(bench: Bench) -> None:
    await bench.create()
    scripted(bench, "fal").on_submit = [Transient("busy", 60)]
    scripted(bench, "aimlapi").on_submit = [Transient("busy", 60)]
    scripted(bench, "xai").on_submit = [Transient("busy", 1)]
    assert await times_asked(bench, 7) == {"fal": [0], "aimlapi": [0], "xai": [0, 5]}


async def test_a_wait_is_remembered_after_a_restart(tmp_path: Path) -> None:
    async with open_bench(tmp_path, Scripted(name="fal"), Scripted(name="xai")) as bench:
        await bench.create()
        scripted(bench, "fal").on_submit = [Transient("busy", 60)]
        scripted(bench, "xai").on_submit = [Transient("busy", 5)]
        while await bench.step():
            pass
        bench.clock.now += 5
        (job,) = await bench.claim()
        assert job.provider == "xai"
        fresh = replace(bench.context, breakers=Breakers(bench.clock))
        scripted(bench, "xai").on_submit = [Transient("busy", 5)]
        await Submitting(fresh).submit(job, lambda: True)
        assert [len(scripted(bench, name).ledger) for name in ("fal", "xai")] == [1, 2]
        assert await bench.step() == []


async def test_the_time_in_which_no_provider_takes_a_job_does_not_count_against_it(bench: Bench) -> None:
    video_id = await bench.create(model="fal/grok-imagine-video")
    bench.clock.now += 3500
    scripted(bench, "fal").on_submit = [Transient("down", 300)]
    await bench.step()
    bench.clock.now += 300
    await bench.step()
    assert (await bench.show(video_id)).outputs[0].state == "running"


async def test_a_job_that_nobody_took_for_a_day_is_given_up(bench: Bench) -> None:
    video_id = await bench.create(model="fal/grok-imagine-video")
    scripted(bench, "fal").on_submit = [Transient("down", 7200)] * 20
    for _two_hours in range(13):
        await bench.step()
        bench.clock.now += 7201
    assert (await bench.show(video_id)).row.error_code == "timeout"
    assert paid(bench) == [12, 0, 0]


async def test_who_failed_at_the_job_is_passed_over_in_later_rounds(bench: Bench) -> None:
    video_id = await bench.create()
    scripted(bench, "fal").on_poll = [Failed("provider_error", "runner died", elsewhere=True)]
    scripted(bench, "aimlapi").on_submit = [Transient("down")]
    scripted(bench, "xai").on_poll = [Failed("provider_error", "internal error", elsewhere=True)]
    await rounds(bench, 4)
    assert paid(bench) == [1, 2, 1]
    assert await story(bench, video_id) == [("fal", "failed"), ("aimlapi", "unavailable"), ("xai", "failed")]
    assert (await bench.show(video_id)).row.status == "in_progress"


@pytest.mark.parametrize(
    "failure",
    [
        Failed("moderation_blocked", "no"),
        Failed("provider_error", "charged", cost=5, elsewhere=True),
        Failed("provider_error", "perhaps charged"),
    ],
)
async def test_a_failure_that_was_charged_or_is_the_inputs_own_is_final(bench: Bench, failure: Failed) -> None:
    video_id = await bench.create()
    scripted(bench, "fal").on_poll = [failure]
    await rounds(bench, 2)
    video = await bench.show(video_id)
    assert (video.row.status, video.row.error_code, video.outputs[0].cost) == ("failed", failure.code, failure.cost)
    assert paid(bench) == [1, 0, 0]


async def test_when_all_fail_at_it_the_video_says_so(bench: Bench) -> None:
    video_id = await bench.create()
    for name in NAMES:
        scripted(bench, name).on_poll = [Failed("provider_error", f"{name} broke", 0, elsewhere=True)]
    await rounds(bench, 4)
    row = (await bench.show(video_id)).row
    assert (row.error_code, row.error_message) == ("all_providers_failed", "xai broke")
    assert paid(bench) == [1, 1, 1]


async def test_a_provider_that_is_gone_after_a_restart_is_passed_over(bench: Bench) -> None:
    video_id = await bench.create()
    (job,) = await bench.claim()
    left = {name: scripted(bench, name) for name in NAMES[1:]}
    await Submitting(replace(bench.context, providers=left)).submit(job, lambda: True)
    assert await story(bench, video_id) == [("fal", "refused")]
    await bench.step()
    assert paid(bench) == [0, 1, 0]


async def test_an_open_breaker_sends_the_job_elsewhere_and_a_refused_probe_closes_it(bench: Bench) -> None:
    open_breaker(bench)
    video_id = await bench.create()
    await bench.step()
    assert await story(bench, video_id) == [("fal", "unavailable")]
    assert paid(bench) == [0, 0, 0]
    bench.clock.now += 30
    scripted(bench, "fal").on_submit = [Rejected("no such style")]
    await bench.create(prompt="a bad probe")
    await rounds(bench, 1)
    assert bench.context.breakers.allows("fal", "a test")
    assert bench.context.breakers.wait("fal") == 0


async def test_five_unknown_submits_open_the_breaker(bench: Bench) -> None:
    scripted(bench, "fal").on_submit = [Indeterminate("500")] * 5
    await bench.create(n=5)
    await bench.step()
    assert not bench.context.breakers.allows("fal", "a test")


@pytest.mark.parametrize("answer", [Transient("429", busy=True), Indeterminate("429", busy=True)])
async def test_a_busy_provider_is_not_out_of_order(bench: Bench, answer: Exception) -> None:
    scripted(bench, "fal").on_submit = [answer] * 5
    await bench.create(n=5)
    await bench.step()
    assert paid(bench)[0] == 5
    assert bench.context.breakers.allows("fal", "a test")


async def test_a_probe_that_is_told_to_wait_closes_the_breaker(bench: Bench) -> None:
    open_breaker(bench)
    bench.clock.now += 30
    scripted(bench, "fal").on_submit = [Transient("429", busy=True)]
    await bench.create(n=2)
    await bench.step()
    assert paid(bench)[0] == 2


async def test_a_probe_whose_input_cannot_be_had_leaves_the_provider_to_the_next_job(bench: Bench) -> None:
    path = bench.folder / "picture"
    Image.new("RGB", (64, 64)).save(path, "PNG")
    bad = await bench.create(input_reference=Upload(path, "hash", path.stat().st_size, "picture.png"))
    await bench.context.inputs.drop(bad)
    good = await bench.create()
    open_breaker(bench)
    bench.clock.now += 30
    await bench.step()
    assert (await bench.show(bad)).row.error_code == "invalid_input"
    assert paid(bench) == [1, 0, 0]
    assert (await bench.show(good)).row.provider == "fal"


async def test_a_probe_whose_lease_ran_out_probes_again_at_once(bench: Bench) -> None:
    open_breaker(bench)
    bench.clock.now += 30
    await bench.create()
    bench.lease_holds = False
    await bench.step()
    bench.lease_holds = True
    await bench.step()
    assert paid(bench) == [1, 0, 0]


async def test_an_unknown_submission_without_its_provider_waits_and_ends_as_unknown(bench: Bench) -> None:
    video_id = await bench.create()
    scripted(bench, "fal").on_submit = [Indeterminate("cut")]
    await bench.step()
    alone = Submitting(replace(bench.context, providers={}))
    for seconds in (60, 600):
        bench.clock.now += seconds
        (job,) = await bench.claim()
        await alone.submit(job, lambda: True)
    assert (await bench.show(video_id)).row.error_code == "submission_unknown"
    assert paid(bench) == [1, 0, 0]


async def test_a_poll_without_its_provider_waits_for_the_operator(bench: Bench) -> None:
    video_id = await bench.create()
    await bench.step()
    bench.clock.now += 1
    (job,) = await bench.claim()
    await type(bench.polling)(replace(bench.context, providers={})).poll(job)
    assert (await bench.show(video_id)).row.status == "in_progress"
    assert await bench.step() == []
    bench.clock.now += 30
    assert await bench.step() == [State.RUNNING]


@asynccontextmanager
async def site(answer: bytes) -> AsyncIterator[str]:
    """Serve one answer to whoever asks."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + answer + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(say, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/gone.mp4"


@pytest.mark.parametrize(("answer", "most"), [(b"404 Not Found", 6), (b"503 Service Unavailable", 150)])
async def test_a_result_that_is_gone_is_given_up_soon_and_a_server_in_trouble_is_waited_for(
    bench: Bench, answer: bytes, most: int
) -> None:
    async with site(answer) as url:
        video_id = await bench.create()
        scripted(bench, "fal").on_poll = [Succeeded(url=url, cost=7)]
        await bench.step()
        bench.clock.now += 1
        await bench.step()
        tries = 0
        while await bench.step():
            tries += 1
            bench.clock.now += 601
    video = await bench.show(video_id)
    assert tries == most
    assert (video.row.error_code, video.outputs[0].cost) == ("media_unavailable", 7)
    assert paid(bench) == [1, 0, 0]


async def test_a_cancel_that_fails_is_repeated_for_a_day_after_the_deadline_and_no_longer(bench: Bench) -> None:
    video_id = await bench.create()
    await bench.step()
    asked = []

    async def refuse(operation: object) -> bool:
        asked.append(operation)
        raise Transient("down")

    scripted(bench, "fal").cancel = refuse  # type: ignore[method-assign]
    await bench.videos.cancel(OWNER, video_id)
    for expected in (1, 0):
        assert await bench.clean_up() == expected
    bench.clock.now += 30
    assert await bench.clean_up() == 1
    bench.clock.now += 25 * 3600
    assert await bench.clean_up() == 1
    bench.clock.now += 3600
    assert await bench.clean_up() == 0
    assert asked == [{"id": "up-1"}] * 2
