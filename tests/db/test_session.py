"""What both databases promise: the same tests on SQLite and on Postgres."""

from __future__ import annotations

import asyncio
import secrets
import time
import traceback
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.db.session import DatabaseUnavailable
from tests.db.rows import add, keys

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.session import Database


async def until(heard: list[str], count: int) -> None:
    async with asyncio.timeout(60):
        while len(heard) < count:
            await asyncio.sleep(0.01)


async def test_a_write_is_read_back_by_another_connection(database: Database) -> None:
    assert await database.write(partial(add, key="a")) == "a"
    assert await keys(database) == {"a"}


@pytest.mark.parametrize("brief", [True, False])
async def test_a_failing_write_undoes_only_itself(database: Database, *, brief: bool) -> None:
    await database.write(partial(add, key="a"))
    results = await asyncio.gather(
        *(database.write(partial(add, key=key), brief=brief) for key in ("b", "a", "c")),
        return_exceptions=True,
    )
    assert results[0] == "b"
    assert isinstance(results[1], IntegrityError)
    assert results[2] == "c"
    assert await keys(database) == {"a", "b", "c"}


async def test_tables_of_a_later_version_are_refused_at_the_start_and_by_a_check(database: Database) -> None:
    assert "SQL" in await database.check()
    await database.write(lambda session: session.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    for look in (database.check, database.migrate):
        with pytest.raises(DatabaseUnavailable, match="later version of Reelgate"):
            await look()


async def test_a_write_that_raises_leaves_nothing_behind(database: Database) -> None:
    async def half(session: AsyncSession) -> None:
        await add(session, "half")
        raise ValueError("a fault of ours")

    with pytest.raises(ValueError, match="a fault of ours"):
        await database.write(half)
    assert await keys(database) == set()


async def test_a_mistake_of_ours_is_not_the_databases_fault_and_its_trace_hides_the_values(database: Database) -> None:
    planted = secrets.token_hex(8)
    await database.write(partial(add, key=planted))
    with pytest.raises(IntegrityError) as error:
        await database.write(partial(add, key=planted))
    trace = "".join(traceback.format_exception(error.value))
    assert "INSERT INTO" in trace
    assert planted not in trace


async def test_a_caller_that_goes_away_does_not_stop_the_others(database: Database) -> None:
    task = asyncio.create_task(database.write(partial(add, key="a")))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await database.write(partial(add, key="b"))
    assert "b" in await keys(database)
    assert database.alive


async def test_news_are_told_once_the_write_is_durable_and_only_to_those_who_asked(database: Database) -> None:
    heard: list[str] = []
    database.listen("keys", lambda: heard.append("keys"))
    await database.write(partial(add, key="silent"))
    await database.write(partial(add, key="work"), news="work")
    await database.write(partial(add, key="keys"), news="keys")
    await until(heard, 1)
    assert heard == ["keys"]


async def test_no_news_come_of_a_write_that_failed(database: Database) -> None:
    await database.write(partial(add, key="a"))
    heard: list[str] = []
    database.listen("work", lambda: heard.append("work"))
    with pytest.raises(IntegrityError):
        await database.write(partial(add, key="a"), news="work")
    await database.write(partial(add, key="b"), news="work")
    await until(heard, 1)
    assert heard == ["work"]


async def test_who_holds_a_name_is_waited_for(database: Database) -> None:
    """Two writes look whether a row is there before they add it: without the hold, both would."""

    async def add_unless_there(session: AsyncSession) -> bool:
        await database.hold(session, "the name")
        known = await session.scalar(text("SELECT count(*) FROM idempotency_keys"))
        await asyncio.sleep(0.02)
        if not known:
            await add(session, f"row-{time.monotonic_ns()}")
        return not known

    results = await asyncio.gather(*(database.write(add_unless_there) for _ in range(6)))
    assert sorted(results) == [False] * 5 + [True]
    assert len(await keys(database)) == 1


async def test_work_of_one_name_can_be_done_again_when_it_is_done(database: Database) -> None:
    done: list[int] = []

    async def work() -> None:
        done.append(1)

    await database.alone(work, "sweep")
    await database.alone(work, "sweep")
    assert len(done) == 2


async def test_work_that_fails_alone_says_so_and_does_not_keep_its_name(database: Database) -> None:
    done: list[int] = []

    async def fail() -> None:
        raise ValueError("a fault of ours")

    async def work() -> None:
        done.append(1)

    with pytest.raises(ValueError, match="a fault of ours"):
        await database.alone(fail, "sweep")
    await database.alone(work, "sweep")
    assert done == [1]


async def test_the_clock_is_near_and_never_goes_back(database: Database) -> None:
    readings = [database.clock() for _ in range(1000)]
    assert readings == sorted(readings)
    before = time.time()
    now = database.clock()
    assert before - 1 < now < time.time() + 1
    assert abs(database.jump()) < 1


async def test_a_sound_database_says_what_it_is(database: Database) -> None:
    assert "SQL" in await database.check()


async def test_migrating_again_changes_nothing(database: Database) -> None:
    await database.write(partial(add, key="a"))
    await database.migrate()
    assert await keys(database) == {"a"}
