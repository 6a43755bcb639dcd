"""A Postgres that restarts, stalls, is read-only or cannot be reached; and the one clock that all replicas share."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, inspect, select, text
from sqlalchemy.engine import make_url

from app.db import migrate
from app.db import postgres as module
from app.db.postgres import PostgresDatabase
from app.db.session import DatabaseUnavailable
from app.db.tables import Base
from tests.db.conftest import started
from tests.db.rows import add, keys

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.session import Database
    from tests.databases import Databases


async def server_time(database: Database) -> float:
    async with database.read() as session:
        return float(await session.scalar(select(func.extract("epoch", func.clock_timestamp()))) or 0)


async def test_a_crash_of_the_server_loses_no_write_that_was_called_done(
    postgres: Database, replica: Database, databases: Databases
) -> None:
    done: set[str] = set()
    failed: list[str] = []

    async def write_on(database: Database, name: str) -> None:
        for number in range(10_000):
            key = f"{name}-{number}"
            try:
                done.add(await database.write(partial(add, key=key)))
            except DatabaseUnavailable:
                failed.append(key)
                await asyncio.sleep(0.05)
            if failed and len(done) > enough:
                return

    enough = 10_000  # until the restart is over
    writing = [asyncio.create_task(write_on(each, name)) for each, name in ((postgres, "one"), (replica, "two"))]
    while len(done) < 20:
        await asyncio.sleep(0.01)
    await asyncio.to_thread(databases.server.restart, "immediate")
    enough = len(done) + 20
    await asyncio.wait_for(asyncio.gather(*writing), 60)
    assert failed
    assert done <= await keys(postgres)


async def test_a_crowd_waits_in_line_for_a_connection_and_is_refused_only_when_the_line_does_not_move(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_POOL", 1)
    patient = PostgresDatabase(postgres_url)
    monkeypatch.setattr(module, "_LINE_SECONDS", 0.3)
    database = PostgresDatabase(postgres_url)

    async def hold_up(database: Database, seconds: float) -> None:
        async with database.read() as session:
            await session.execute(select(func.pg_sleep(seconds)))

    await asyncio.gather(*(hold_up(patient, 0.02) for _ in range(20)))
    await hold_up(database, 0)  # now it is connected
    one, other = await asyncio.gather(hold_up(database, 2), hold_up(database, 0), return_exceptions=True)
    assert one is None
    assert isinstance(other, DatabaseUnavailable)
    for each in (patient, database):
        await each.close()


@pytest.fixture
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the listening connection looked at ten times as often."""
    monkeypatch.setattr(module, "_LISTEN_SECONDS", module._LISTEN_SECONDS / 10)  # noqa: SLF001 - a test cannot wait


@pytest.mark.usefixtures("_looks_often")  # before it listens
async def test_news_are_heard_again_after_a_restart(
    postgres: Database, replica: Database, databases: Databases
) -> None:
    heard = asyncio.Event()
    await asyncio.to_thread(databases.server.restart, "fast")
    replica.listen("work", heard.set)
    await asyncio.wait_for(heard.wait(), 30)  # once it listens again, for what was said meanwhile
    heard.clear()
    while True:
        try:
            await postgres.write(partial(add, key="a"), news="work")
            break
        except DatabaseUnavailable:
            await asyncio.sleep(0.1)
    await asyncio.wait_for(heard.wait(), 30)


async def test_a_server_that_is_not_there_is_the_databases_fault(unused_port: int) -> None:
    away = PostgresDatabase(f"postgresql+asyncpg://reelgate@127.0.0.1:{unused_port}/none")
    with pytest.raises(DatabaseUnavailable):
        await away.migrate()
    with pytest.raises(DatabaseUnavailable):
        await away.start()
    with pytest.raises(DatabaseUnavailable):
        await away.check()
    with pytest.raises(DatabaseUnavailable):
        await away.write(partial(add, key="a"))
    await away.close()


async def test_a_database_that_is_gone_is_the_databases_fault_until_it_is_back(databases: Databases) -> None:
    url = databases.fresh()
    async with started(PostgresDatabase(url)) as database:
        await asyncio.to_thread(databases.drop, url)
        with pytest.raises(DatabaseUnavailable, match="does not exist"):
            await database.check()
        with pytest.raises(DatabaseUnavailable, match="does not exist"):
            await database.write(partial(add, key="a"))
        await asyncio.to_thread(databases.server.url, str(make_url(url).database))
        await database.migrate()
        assert await database.write(partial(add, key="a")) == "a"
    databases.drop(url)


async def test_an_account_that_is_not_let_in_any_more_is_the_databases_fault(
    postgres: Database, postgres_url: str
) -> None:
    async def run(session: AsyncSession, *statements: str) -> None:
        for statement in statements:
            await session.execute(text(statement))

    async def as_owner(*statements: str) -> None:
        await postgres.write(lambda session: run(session, *statements))

    await as_owner("CREATE ROLE guest LOGIN SUPERUSER")
    guest = PostgresDatabase(make_url(postgres_url).set(username="guest").render_as_string())
    await guest.check()
    leave = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'guest'"
    await as_owner("ALTER ROLE guest NOLOGIN", leave)
    with pytest.raises(DatabaseUnavailable, match="not permitted to log in"):
        await guest.check()
    await guest.close()
    await as_owner("DROP ROLE guest")


async def test_a_migration_may_take_longer_than_any_other_statement(
    postgres: Database, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_COMMAND_SECONDS", 0.5)
    later = PostgresDatabase(postgres_url)
    holds, lets_go = asyncio.Event(), asyncio.Event()

    async def migrating(session: AsyncSession) -> None:
        await postgres.hold(session, "migrations")
        holds.set()
        await lets_go.wait()

    other = asyncio.create_task(postgres.write(migrating))
    await holds.wait()
    waiting = asyncio.create_task(later.migrate())
    done, _ = await asyncio.wait([waiting], timeout=1.5)
    assert not done
    lets_go.set()
    await asyncio.gather(other, waiting)
    await later.close()


async def test_a_migration_beside_a_replica_that_works_has_every_table_before_it_changes_one(
    postgres: Database, replica: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = "SELECT relation::regclass::text FROM pg_locks WHERE granted AND mode = 'AccessExclusiveLock'"
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
    locked: set[str] = set()
    holds, upgraded = asyncio.Event(), asyncio.Event()

    def upgrade(connection: Connection) -> None:
        locked.update(connection.scalars(text(held)))
        upgraded.set()

    async def in_the_other_order(session: AsyncSession) -> None:
        await session.execute(text("SET LOCAL deadlock_timeout = '60s'"))  # so that it is not this one that gives way
        first, *_, last = await (await session.connection()).run_sync(lambda sync: inspect(sync).get_table_names())
        await session.execute(text(f"LOCK TABLE {last} IN ROW EXCLUSIVE MODE"))
        holds.set()
        async with postgres.read() as another:
            while not upgraded.is_set() and not await another.scalar(text(waits)):
                await asyncio.sleep(0.01)
        await session.execute(text(f"LOCK TABLE {first} IN ROW EXCLUSIVE MODE"))  # which the migration has

    monkeypatch.setattr(migrate, "due", lambda _connection: True)
    monkeypatch.setattr(migrate, "upgrade", upgrade)
    working = asyncio.create_task(replica.write(in_the_other_order))
    await holds.wait()
    await asyncio.wait_for(asyncio.gather(working, postgres.migrate()), 60)
    assert set(Base.metadata.tables) <= locked


async def test_a_read_only_server_is_the_databases_fault(postgres: Database) -> None:
    async def on_a_standby(session: AsyncSession) -> None:
        await session.execute(text("SET TRANSACTION READ ONLY"))
        await add(session, "a")

    with pytest.raises(DatabaseUnavailable, match="read-only"):
        await postgres.write(on_a_standby)
    assert await postgres.write(partial(add, key="a")) == "a"


async def test_a_replica_that_stalls_in_a_transaction_is_put_out_of_it(
    monkeypatch: pytest.MonkeyPatch, replica: Database, postgres_url: str
) -> None:
    async with replica.read() as session:
        assert await session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "10s"
    monkeypatch.setitem(module._SERVER_SETTINGS, "idle_in_transaction_session_timeout", "2000")  # noqa: SLF001 - not 10 s
    stalled = PostgresDatabase(postgres_url)
    holds, wakes = asyncio.Event(), asyncio.Event()

    async def stall(session: AsyncSession) -> str:
        await stalled.hold(session, "the name")
        holds.set()
        await wakes.wait()
        return await add(session, "of the stalled")

    async def go_on(session: AsyncSession) -> str:
        await replica.hold(session, "the name")
        return await add(session, "of the other")

    sleeping = asyncio.create_task(stalled.write(stall))
    await holds.wait()
    await asyncio.wait_for(replica.write(go_on), 60)
    wakes.set()
    with pytest.raises(DatabaseUnavailable):
        await sleeping
    assert await keys(replica) == {"of the other"}
    assert await stalled.write(partial(add, key="later")) == "later"
    await stalled.close()


async def test_the_clock_is_the_servers_whatever_this_machine_believes(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    wrong = SimpleNamespace(time=lambda: time.time() + 3600, monotonic=time.monotonic)
    monkeypatch.setattr(module, "time", wrong)
    monkeypatch.setattr(module, "_TRUSTED_ROUND_TRIP", 60.0)  # on a machine that is busy, too
    database = PostgresDatabase(postgres_url)
    assert database.clock() > time.time() + 3000
    await database.start()
    assert abs(database.clock() - await server_time(database)) < 60
    assert database.jump() == 0
    await database.close()
