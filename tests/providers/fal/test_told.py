"""What fal is asked about a job of which it has told: the result at once, and the status where that is no film."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.domain.told import told
from app.providers.base import Failed, Pending, Succeeded
from app.providers.errors import Transient
from tests.providers.fal.bench import ORDER, Bench, listed, request_error
from tests.upstreams import behaviour as do
from tests.upstreams.behaviour import Rule
from tests.upstreams.clock import Clock
from tests.upstreams.fal import FakeFal, Settings
from tests.upstreams.running import run

if TYPE_CHECKING:
    from app.domain.jobs import Operation
    from app.providers.fal.adapter import FalProvider


def asked(bench: Bench) -> tuple[int, int]:
    """Return how often the status and the result were asked for."""
    return bench.ledger.arrivals["status"], bench.ledger.arrivals["result"]


async def test_a_film_is_read_without_a_question_for_the_status(bench: Bench) -> None:
    async with bench.provider() as fal:
        operation = await fal.submit(ORDER)
        result = await fal.poll(told(operation))
        assert asked(bench) == (0, 1)
        assert isinstance(result, Succeeded)
        assert result == await fal.poll(operation)
    [paid] = bench.ledger.paid()
    assert result.cost == paid.charged


async def end_of(fal: FalProvider, operation: Operation) -> Failed | str:
    """Poll, and return the failure, or the doubt whether it is one."""
    try:
        answer = await fal.poll(operation)
    except Transient as doubt:
        return str(doubt)
    assert isinstance(answer, Failed)
    return answer


FAILURES = [
    do.fail(429, {"detail": "Too many requests"}, error_type="content_policy_violation"),
    do.fail(units=1),
    do.fail(units=1, error_type="content_policy_violation"),
    do.fail(422, listed("image_too_small")),
    do.fail(500, request_error("internal_error"), error_type="internal_error"),
    do.fail(504, {"detail": "too slow"}),
    do.fail(499, request_error("client_cancelled"), error_type="client_cancelled"),
    do.no_video(),
]


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_failure_is_understood_as_without_having_been_told(bench: Bench, failure: do.Do) -> None:
    bench.fake.rules.add(Rule(on="job", do=failure))
    async with bench.provider() as fal:
        operation = await fal.submit(ORDER)
        assert await end_of(fal, told(operation)) == await end_of(fal, operation)
    assert asked(bench) == (2, 2)


async def test_a_job_that_still_runs_waits_as_its_status_says() -> None:
    fake = FakeFal(Settings(queue=3, run=10), Clock(held=True))
    with run(fake.app) as url:
        async with Bench(fake, url).provider(clock=fake.clock.now) as fal:
            operation = told(await fal.submit(ORDER))
            assert await fal.poll(operation) == Pending(queue_position=2)
            fake.clock.advance(3.5)
            assert await fal.poll(operation) == Pending()
            fake.clock.advance(10)
            assert isinstance(await fal.poll(operation), Succeeded)


@pytest.mark.parametrize("odd", [{"status": "IN_PROGRESS"}, {}, []])
async def test_an_odd_answer_to_a_job_that_still_runs_is_not_its_end(odd: object) -> None:
    fake = FakeFal(Settings(queue=0, run=10), Clock(held=True))
    with run(fake.app) as url:
        async with Bench(fake, url).provider(clock=fake.clock.now) as fal:
            operation = told(await fal.submit(ORDER))
            fake.rules.add(Rule(on="result", do=do.answer(200, odd)))  # type: ignore[arg-type]  # it is JSON
            assert await fal.poll(operation) == Pending()


@pytest.mark.parametrize("passing", [do.html(), do.cut(), do.answer(404, {"status": "NOT_FOUND"})])
async def test_a_result_that_cannot_be_had_for_the_moment_is_asked_for_again(bench: Bench, passing: do.Do) -> None:
    async with bench.provider() as fal:
        operation = told(await fal.submit(ORDER))
        bench.fake.rules.add(do.asked("result", passing))
        with pytest.raises(Transient):
            await fal.poll(operation)
        assert isinstance(await fal.poll(operation), Succeeded)
