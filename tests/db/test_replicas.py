"""Several processes on one Postgres: each test fails if the rule that it is about is taken away."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import select, text

from app.db import outputs, submissions
from app.db.leases import Claim
from app.db.postgres import PostgresDatabase
from app.db.tables import OutputRow, VideoRow
from app.domain import jobs
from app.domain.jobs import State
from tests.db.rows import add, add_video, keys

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.session import Database
    from app.domain.jobs import Job
    from tests.databases import Databases

NOW = 1_800_000_000.0
PATIENCE = 20.0  # seconds; what waits for a lock that is never freed waits longer


def claim(
    owner: str, limit: int, now: float = NOW + 1, state: State = State.QUEUED
) -> Callable[[AsyncSession], Awaitable[list[Job]]]:
    return partial(outputs.claim, states=(state,), claim=Claim(owner, now, 30.0, limit))


async def claimed(
    database: Database, owner: str, limit: int, now: float = NOW + 1, state: State = State.QUEUED
) -> list[Job]:
    return await database.write(claim(owner, limit, now, state))


async def rows(database: Database) -> list[OutputRow]:
    async with database.read() as session:
        return list(await session.scalars(select(OutputRow).order_by(OutputRow.id)))


async def execute(session: AsyncSession, statement: str) -> None:
    await session.execute(text(statement))


async def status(database: Database, video_id: str) -> str:
    async with database.read() as session:
        return (await session.get_one(VideoRow, video_id)).status


class Pause:
    """A write that has done its work and does not commit before it is told to."""

    def __init__(self, database: Database, work: Callable[[AsyncSession], Awaitable[object]]) -> None:
        self._work = work
        self._done = asyncio.Event()
        self._go_on = asyncio.Event()
        self._task = asyncio.create_task(database.write(self._run))

    async def _run(self, session: AsyncSession) -> object:
        result = await self._work(session)
        self._done.set()
        await self._go_on.wait()
        return result

    async def reached(self) -> Pause:
        await asyncio.wait_for(self._done.wait(), PATIENCE)
        return self

    async def finish(self) -> object:
        self._go_on.set()
        return await asyncio.wait_for(self._task, PATIENCE)


async def test_two_replicas_claim_rows_that_are_not_the_same_and_do_not_wait_for_each_other(
    postgres: Database, replica: Database
) -> None:
    await postgres.write(partial(add_video, video_id="v", outputs=8, now=NOW))
    slow = await Pause(postgres, claim("one", 3)).reached()
    quick = await asyncio.wait_for(claimed(replica, "two", 3), PATIENCE)
    first = await slow.finish()
    assert isinstance(first, list)
    assert [job.index for job in first] == [0, 1, 2]
    assert [job.index for job in quick] == [3, 4, 5]
    assert [row.lease_owner for row in await rows(postgres)] == ["one"] * 3 + ["two"] * 3 + [None] * 2


async def test_no_claim_takes_more_than_it_asked_for(postgres: Database, replica: Database) -> None:
    await postgres.write(partial(add_video, video_id="v", outputs=40, now=NOW))
    for statement in ("SELECT 1", "ANALYZE outputs"):  # the planner chooses anew once it knows the table
        await postgres.write(partial(execute, statement=statement))
        batches = await asyncio.gather(*(claimed(each, "any", 3) for each in (postgres, replica) * 3))
        assert [len(batch) for batch in batches] == [3] * 6
        ids = [job.id for batch in batches for job in batch]
        assert len(set(ids)) == len(ids)


async def test_what_one_replica_claims_another_may_have_once_the_lease_has_run_out(
    postgres: Database, replica: Database
) -> None:
    await postgres.write(partial(add_video, video_id="v", outputs=1, now=NOW))
    (stale,) = await claimed(postgres, "one", 1)
    assert await claimed(replica, "two", 1, NOW + 30) == []
    (fresh,) = await claimed(replica, "two", 1, NOW + 32)
    assert fresh.fence == stale.fence + 1


async def test_who_was_overtaken_writes_nothing(postgres: Database, replica: Database) -> None:
    await postgres.write(partial(add_video, video_id="v", outputs=1, now=NOW))
    (stale,) = await claimed(postgres, "one", 1)
    (fresh,) = await claimed(replica, "two", 1, NOW + 32)
    end = jobs.failed(stale, "timeout", "too late", NOW)
    assert not await postgres.write(partial(outputs.apply, transition=end))
    assert (await status(postgres, "v"), (await rows(postgres))[0].fence) == ("queued", fresh.fence)
    await postgres.write(partial(outputs.LEASES.give_back, work=stale, run_at=NOW + 99))
    assert (await rows(postgres))[0].lease_owner == "two"
    assert await replica.write(partial(outputs.apply, transition=jobs.begin_submit(fresh)))


async def test_a_lease_is_only_renewed_by_who_has_it(postgres: Database, replica: Database) -> None:
    await postgres.write(partial(add_video, video_id="v", outputs=1, now=NOW))
    (job,) = await claimed(postgres, "one", 1)
    await claimed(replica, "two", 1, NOW + 32)
    await postgres.write(partial(outputs.LEASES.renew, owner="one", ids={job.id}, until=NOW + 999))
    assert (await rows(postgres))[0].lease_until == NOW + 62
    await postgres.write(partial(outputs.LEASES.release, owner="one"))
    assert (await rows(postgres))[0].lease_owner == "two"


async def test_a_video_ends_when_two_replicas_end_its_two_outputs_at_the_same_moment(
    postgres: Database, replica: Database
) -> None:
    await postgres.write(partial(add_video, video_id="v", outputs=2, now=NOW, state=State.RUNNING))
    one, two = await claimed(postgres, "one", 2, state=State.RUNNING)
    first, second = (partial(outputs.apply, transition=jobs.failed(job, "timeout", "late", NOW)) for job in (one, two))
    slow = await Pause(postgres, first).reached()
    other = asyncio.create_task(replica.write(second))
    await asyncio.wait([other], timeout=0.5)  # without the lock it would be done by now, and see the first one live
    assert await slow.finish()
    assert await asyncio.wait_for(other, PATIENCE)
    assert await status(postgres, "v") == "failed"


async def test_an_end_and_a_cancel_at_the_same_moment_leave_one_of_them(postgres: Database, replica: Database) -> None:
    await postgres.write(partial(add_video, video_id="v", outputs=1, now=NOW, state=State.RUNNING))
    (job,) = await claimed(postgres, "one", 1, state=State.RUNNING)
    end = jobs.failed(job, "timeout", "late", NOW)
    slow = await Pause(postgres, partial(outputs.apply, transition=end)).reached()
    cancel = asyncio.create_task(replica.write(partial(outputs.cancel, video_id="v", now=NOW)))
    await asyncio.wait([cancel], timeout=0.5)
    assert await slow.finish()
    assert not await asyncio.wait_for(cancel, PATIENCE)
    assert (await rows(postgres))[0].error_code == "timeout"


async def test_an_answer_that_comes_while_another_replica_claims_the_output_is_not_lost(
    postgres: Database, replica: Database
) -> None:
    await postgres.write(partial(add_video, video_id="v", outputs=1, now=NOW, state=State.SUBMITTING))
    (job,) = await claimed(postgres, "one", 1, state=State.SUBMITTING)
    await postgres.write(partial(submissions.begin, job=job, submission_id="sub", endpoint="e", now=NOW))
    slow = await Pause(postgres, claim("two", 1, NOW + 60, State.SUBMITTING)).reached()
    accept = partial(submissions.accept, submission_id="sub", operation={"id": "up"}, now=NOW)
    answer = asyncio.create_task(replica.write(accept))
    await asyncio.wait([answer], timeout=0.5)
    assert await slow.finish()
    assert await asyncio.wait_for(answer, PATIENCE) == "accepted"
    (output,) = await rows(postgres)
    assert (output.state, output.operation) == (State.RUNNING, {"id": "up"})


async def test_a_deadlock_is_tried_again_and_nobody_hears_of_it(postgres: Database, replica: Database) -> None:
    both_hold_one = asyncio.Barrier(2)
    runs: list[str] = []

    async def cross(session: AsyncSession, database: Database, names: tuple[str, str]) -> None:
        runs.append(names[0])
        await database.hold(session, names[0])
        if len(runs) <= 2:
            await both_hold_one.wait()
        await database.hold(session, names[1])
        await add(session, names[0])

    await asyncio.gather(
        postgres.write(partial(cross, database=postgres, names=("a", "b"))),
        replica.write(partial(cross, database=replica, names=("b", "a"))),
    )
    assert len(runs) == 3
    assert await keys(postgres) == {"a", "b"}


async def test_replicas_that_start_together_make_the_tables_once(databases: Databases) -> None:
    url = databases.server.url("empty")
    replicas = [PostgresDatabase(url) for _ in range(3)]
    await asyncio.gather(*(each.migrate() for each in replicas))
    assert await keys(replicas[0]) == set()
    for each in replicas:
        await each.close()


async def test_work_that_is_done_alone_is_not_done_by_two_replicas_at_once(
    postgres: Database, replica: Database
) -> None:
    done: list[str] = []
    under_way, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        under_way.set()
        await go_on.wait()
        done.append("slow")

    async def quick() -> None:
        done.append("quick")

    first = asyncio.create_task(postgres.alone(slow, "sweep"))
    await under_way.wait()
    await replica.alone(quick, "sweep")
    await replica.alone(quick, "another")
    assert done == ["quick"]
    go_on.set()
    await first
    await replica.alone(quick, "sweep")
    assert done == ["quick", "slow", "quick"]


async def test_news_reach_the_other_replicas(postgres: Database, replica: Database) -> None:
    heard = asyncio.Event()
    replica.listen("work", heard.set)
    await postgres.write(partial(add, key="a"), news="work")
    await asyncio.wait_for(heard.wait(), PATIENCE)
