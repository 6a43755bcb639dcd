"""SQLite: one writer, shared commits, its own settings, and what it does when its disk is full or its file damaged."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from contextlib import closing
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.db import driver
from app.db.session import Database, DatabaseUnavailable
from app.db.sqlite import SqliteDatabase
from app.db.tables import SubmissionRow
from tests.db.rows import add, keys

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession


async def break_the_commit(session: AsyncSession) -> None:
    await session.execute(text("PRAGMA defer_foreign_keys = ON"))
    session.add(SubmissionRow(id="s", output_id="none", attempt=1, provider="", phase="", intent_at=1.0))
    await session.flush()


async def test_a_commit_that_fails_is_every_callers_answer(sqlite: Database) -> None:
    results = await asyncio.gather(
        sqlite.write(partial(add, key="x")), sqlite.write(break_the_commit), return_exceptions=True
    )
    assert [type(result) for result in results] == [sqlite3.IntegrityError, sqlite3.IntegrityError]
    assert await keys(sqlite) == set()
    assert await sqlite.write(partial(add, key="y")) == "y"


async def test_readers_cannot_write(sqlite: Database) -> None:
    async with sqlite.read() as session:
        with pytest.raises(DBAPIError, match="readonly"):
            await session.execute(text("DELETE FROM idempotency_keys"))


async def test_every_commit_is_on_disk_before_it_is_answered(sqlite: Database) -> None:
    async def pragmas(session: AsyncSession) -> tuple[object, ...]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return tuple([await session.scalar(text(f"PRAGMA {name}")) for name in names])

    assert await sqlite.write(pragmas) == ("wal", 2, 1)


@pytest.mark.parametrize("brief", [True, False])
async def test_statements_of_brief_writes_run_on_the_event_loop_and_what_waits_for_the_disk_in_a_thread(
    sqlite: Database, *, brief: bool
) -> None:
    seen: dict[str, int] = {}

    async def watch(session: AsyncSession) -> None:
        driven = (await (await session.connection()).get_raw_connection()).driver_connection
        assert isinstance(driven, driver.Connection)
        await driven.set_trace_callback(lambda said: seen.update({said.split()[0]: get_ident()}))

    await sqlite.write(watch)
    for key in ("one", "two"):
        await sqlite.write(partial(add, key=key), brief=brief)
    assert (seen["INSERT"] == get_ident()) is brief
    assert (seen["BEGIN"] == get_ident(), seen["COMMIT"] == get_ident()) == (True, False)


async def test_a_file_that_another_process_writes_to_is_waited_for_in_a_thread(
    sqlite: SqliteDatabase, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "db.sqlite3", isolation_level=None)) as other:
        for key in ("one", "two"):
            other.execute("BEGIN IMMEDIATE")
            write = asyncio.create_task(sqlite.write(partial(add, key=key), brief=True))
            await asyncio.wait([write], timeout=0.3)  # the event loop has its turns
            assert not write.done()
            other.execute("COMMIT")
            assert await write == key
    assert await keys(sqlite) == {"one", "two"}


async def test_the_event_loop_has_its_turn_after_every_brief_write_of_a_group(sqlite: Database) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def look(session: AsyncSession) -> int:
        await add(session, secrets.token_hex(4))
        return turns

    counting = asyncio.create_task(count())
    found = await asyncio.gather(*(sqlite.write(look, brief=True) for _ in range(20)))
    counting.cancel()
    assert found == sorted(set(found))


async def test_closing_finishes_what_is_queued(tmp_path: Path) -> None:
    opened = SqliteDatabase(tmp_path / "db.sqlite3")
    await opened.migrate()
    await opened.start()
    waiting = [asyncio.create_task(opened.write(partial(add, key=str(n)))) for n in range(20)]
    await asyncio.sleep(0)
    await opened.close()
    assert len(await asyncio.gather(*waiting)) == 20


async def set_pages(session: AsyncSession, spare: int) -> None:
    """Make the disk full but for `spare` pages."""
    pages = await session.scalar(text("PRAGMA page_count")) or 0
    await session.execute(text(f"PRAGMA max_page_count = {pages + spare}"))


async def test_nothing_of_a_commit_that_did_not_fit_is_called_done(sqlite: Database) -> None:
    await sqlite.write(partial(set_pages, spare=0))
    writes = [("small", 1), ("large", 40_000), ("later", 1)]  # SQLite itself undoes all of it at the large one
    results = await asyncio.gather(
        *(sqlite.write(partial(add, key=key, weight=weight)) for key, weight in writes), return_exceptions=True
    )
    assert [str(result) for result in results] == ["database or disk is full"] * 3
    assert all(isinstance(result, DatabaseUnavailable) for result in results)
    assert await keys(sqlite) == set()
    await sqlite.write(partial(set_pages, spare=1000))
    assert await sqlite.write(partial(add, key="large", weight=40_000)) == "large"


async def test_work_that_hides_a_full_disk_is_not_called_done_either(sqlite: Database) -> None:
    async def hide(session: AsyncSession) -> str:
        row = text("INSERT INTO idempotency_keys VALUES ('o', :key, :weight, 'v', 1.0)")
        await session.execute(row, {"key": "small", "weight": "f"})
        try:
            await session.execute(row, {"key": "large", "weight": "f" * 40_000})
        except DBAPIError:
            return "hidden"
        raise AssertionError("there was room")

    await sqlite.write(partial(set_pages, spare=0))
    with pytest.raises(DatabaseUnavailable):
        await sqlite.write(hide)
    assert await keys(sqlite) == set()


async def test_a_transaction_that_could_not_be_undone_is_not_the_next_ones(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_connection: driver.Connection) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(driver.Connection, "rollback", fail)
    with pytest.raises(DatabaseUnavailable):
        await sqlite.write(break_the_commit)
    assert await sqlite.write(partial(add, key="later")) == "later"
    assert await keys(sqlite) == {"later"}


async def test_a_connection_that_is_gone_is_made_anew(sqlite: Database) -> None:
    async def lose(session: AsyncSession) -> None:
        await add(session, "lost")
        driven = (await (await session.connection()).get_raw_connection()).driver_connection
        assert isinstance(driven, driver.Connection)
        await driven.close()

    with pytest.raises(ValueError, match="no active connection"):
        await sqlite.write(lose)
    assert await sqlite.write(partial(add, key="later")) == "later"
    assert await keys(sqlite) == {"later"}


async def test_a_file_that_is_no_database_is_the_databases_fault(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite3"
    path.write_bytes(b"no database" * 1000)
    opened = SqliteDatabase(path)
    await opened.start()
    with pytest.raises(DatabaseUnavailable, match="file is not a database"):
        await opened.check()
    with pytest.raises(DatabaseUnavailable, match="file is not a database"):
        await opened.write(partial(add, key="a"))
    await opened.close()


async def test_a_damaged_file_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite3"
    opened = SqliteDatabase(path)
    await opened.migrate()
    await opened.start()
    for number in range(200):
        await opened.write(partial(add, key=str(number), weight=500))
    await opened.close()
    content = bytearray(path.read_bytes())
    content[-60_000:-20_000] = b"x" * 40_000
    path.write_bytes(content)
    opened = SqliteDatabase(path)
    with pytest.raises(DatabaseUnavailable, match=r"damaged|malformed"):
        await opened.check()
    await opened.close()
