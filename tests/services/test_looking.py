"""What a provider finds is believed only where it can be nobody else's; nothing that is said may be sent again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from app.db import owners, videos
from app.db.tables import SubmissionRow
from app.domain.jobs import State
from app.providers.errors import Indeterminate, Misconfigured, Transient
from tests.performance.statements import counted
from tests.services.bench import OWNER, Finding, open_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.domain.jobs import Operation
    from tests.services.bench import Bench

FOUND: Operation = {"id": "up-found"}
LOST = Indeterminate("read timeout")


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Finding(lists_all=False, by_likeness=True, found=FOUND)) as opened:
        yield opened


def finding(bench: Bench) -> Finding:
    assert isinstance(bench.provider, Finding)
    return bench.provider


async def send(bench: Bench, *answers: Operation | Exception, prompt: str = "a calm sea") -> list[str]:
    """Create a video for each answer to its submit."""
    bench.provider.on_submit += answers
    made = [await bench.create(prompt=prompt) for _answer in answers]
    await bench.step()
    return made


async def look(bench: Bench) -> None:
    bench.clock.now += 31
    await bench.step()


async def operation_of(bench: Bench, video_id: str) -> Operation | None:
    (output,) = (await bench.show(video_id)).outputs
    return output.operation


async def test_what_says_the_same_as_one_lost_submission_is_its_own(bench: Bench) -> None:
    (video_id,) = await send(bench, LOST)
    await look(bench)
    assert await operation_of(bench, video_id) == FOUND
    (sent,) = finding(bench).asked
    assert (sent.submission_id, sent.order.prompt) == (bench.provider.ledger[0].submission_id, "a calm sea")
    assert sent.earliest < sent.sent_at == bench.clock.now - 31 < sent.latest


async def test_while_two_look_for_the_same_neither_is_given_it(bench: Bench) -> None:
    ids = await send(bench, LOST, LOST)
    await look(bench)
    assert [await operation_of(bench, video_id) for video_id in ids] == [None, None]


@pytest.mark.parametrize("owner_is_told", [True, False])
async def test_whose_it_is_is_asked_in_one_statement_for_between_two_the_owner_may_be_told(
    bench: Bench, *, owner_is_told: bool
) -> None:
    await send(bench, LOST, FOUND if owner_is_told else LOST)
    async with bench.database.read() as session:
        mine = (await session.scalars(select(SubmissionRow).where(SubmissionRow.phase == "submitting"))).first()
        assert mine is not None
        where = (session, mine.id, mine.provider, mine.endpoint, mine.intent_at - 60)
        with counted() as statements:
            assert await owners.may_be_anothers(*where, str(FOUND["id"]), "a calm sea")
            assert len(statements) == 1
            assert await owners.may_be_anothers(*where, "up-other", "a calm sea") is not owner_is_told
            assert not await owners.may_be_anothers(*where, "up-other", "a storm")


async def test_two_that_say_different_things_do_not_hinder_each_other(bench: Bench) -> None:
    ids = [*await send(bench, LOST, prompt="a storm"), *await send(bench, LOST)]
    await look(bench)
    assert FOUND in [await operation_of(bench, video_id) for video_id in ids]


async def test_one_that_has_its_own_already_is_not_the_owner(bench: Bench) -> None:
    await send(bench, {"id": "up-1"})
    (video_id,) = await send(bench, LOST)
    await look(bench)
    assert await operation_of(bench, video_id) == FOUND


@pytest.mark.parametrize("resolved", ["charged", "not_charged"])
async def test_one_of_which_only_the_charge_is_known_may_be_the_owner(bench: Bench, resolved: str) -> None:
    finding(bench).found = None
    await send(bench, LOST)
    bench.clock.now += 601
    await bench.step()
    await bench.database.write(lambda session: session.execute(update(SubmissionRow).values(phase=resolved)))
    finding(bench).found = FOUND
    (video_id,) = await send(bench, LOST)
    await look(bench)
    assert (await operation_of(bench, video_id) is None) is (resolved == "charged")


async def test_one_that_was_given_up_may_still_be_the_owner(bench: Bench) -> None:
    finding(bench).found = None
    (given_up,) = await send(bench, LOST)
    bench.clock.now += 601
    await bench.step()
    assert (await bench.show(given_up)).row.error_code == "submission_unknown"
    finding(bench).found = FOUND
    (video_id,) = await send(bench, LOST)
    await look(bench)
    assert await operation_of(bench, video_id) is None


async def test_one_that_was_sent_again_may_still_be_the_owner(bench: Bench) -> None:
    object.__setattr__(bench.context, "resubmits", frozenset({"local"}))
    finding(bench).found = None
    (again,) = await send(bench, LOST)
    bench.provider.on_submit.append({"id": "up-second"})
    bench.clock.now += 601
    await bench.step()
    await bench.step()
    assert await operation_of(bench, again) == {"id": "up-second"}
    async with bench.database.read() as session:
        phases = await session.scalars(select(SubmissionRow.phase).order_by(SubmissionRow.attempt))
    assert list(phases) == ["resent", "accepted"]
    finding(bench).found = FOUND
    (video_id,) = await send(bench, LOST)
    await look(bench)
    assert await operation_of(bench, video_id) is None


async def test_one_that_was_cancelled_before_it_was_sent_again_stays_unknown(bench: Bench) -> None:
    object.__setattr__(bench.context, "resubmits", frozenset({"local"}))
    finding(bench).found = None
    (video_id,) = await send(bench, LOST)
    bench.clock.now += 601
    (job,) = await bench.claim(State.SUBMITTING)
    await bench.videos.cancel(OWNER, video_id)
    await bench.submitting.submit(job, lambda: True)
    async with bench.database.read() as session:
        assert await session.scalar(select(SubmissionRow.phase)) == "submitting"
    assert len(bench.provider.ledger) == 1


async def test_a_deleted_one_may_be_the_owner_whatever_it_said(bench: Bench) -> None:
    (deleted,) = await send(bench, LOST, prompt="a storm")
    await bench.database.write(partial(videos.forget, video_id=deleted))
    (video_id,) = await send(bench, LOST)
    bench.clock.now += 31
    (job,) = [job for job in await bench.claim(State.SUBMITTING) if job.video_id == video_id]
    await bench.submitting.submit(job, lambda: True)
    assert await operation_of(bench, video_id) is None


async def test_one_of_another_hour_is_not_the_owner(bench: Bench) -> None:
    await send(bench, LOST)
    await bench.database.write(partial(_move, seconds=-3700))
    finding(bench).found = None
    (video_id,) = await send(bench, LOST)
    finding(bench).found = FOUND
    bench.clock.now += 31
    (job,) = [job for job in await bench.claim(State.SUBMITTING) if job.video_id == video_id]
    await bench.submitting.submit(job, lambda: True)
    assert await operation_of(bench, video_id) == FOUND


async def test_what_another_owns_is_named_to_the_provider_and_never_taken(bench: Bench) -> None:
    await send(bench, FOUND, {"id": "up-2"})
    (video_id,) = await send(bench, LOST)
    await look(bench)
    assert finding(bench).asked[0].taken == {"up-found", "up-2"}
    assert await operation_of(bench, video_id) is None


async def test_two_are_told_apart_by_a_provider_that_lists_our_id(bench: Bench) -> None:
    finding(bench).by_likeness = False
    ids = await send(bench, LOST, LOST)
    await look(bench)
    assert [await operation_of(bench, video_id) for video_id in ids] == [FOUND, FOUND]


@pytest.mark.parametrize("error", [Transient("a 502"), Misconfigured("a 401"), Indeterminate("cut")])
async def test_a_lookup_that_fails_is_no_word_that_nothing_was_accepted(bench: Bench, error: Exception) -> None:
    finding(bench).lists_all, finding(bench).found = True, error
    (video_id,) = await send(bench, LOST)
    await look(bench)
    await look(bench)
    assert (len(finding(bench).asked), len(bench.provider.ledger)) == (2, 1)
    finding(bench).found = FOUND
    await look(bench)
    assert await operation_of(bench, video_id) == FOUND


async def _move(session: AsyncSession, seconds: float) -> None:
    """Let everything have been sent at another time."""
    await session.execute(update(SubmissionRow).values(intent_at=SubmissionRow.intent_at + seconds))
