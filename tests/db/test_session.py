"""The one writer: shared commits, separate failures, and SQLite's own settings."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.db.sqlite import SqliteDatabase
from app.db.tables import IdempotencyRow, SubmissionRow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    opened = SqliteDatabase(tmp_path / "db.sqlite3")
    await opened.migrate()
    await opened.start()
    yield opened
    await opened.close()


def adding(key: str) -> IdempotencyRow:
    return IdempotencyRow(owner="o", key=key, fingerprint="f", video_id="v", created_at=1.0)


async def add(session: AsyncSession, key: str) -> str:
    session.add(adding(key))
    await session.flush()
    return key


async def keys(database: SqliteDatabase) -> set[str]:
    async with database.read() as session:
        return {row.key for row in await session.execute(text("SELECT key FROM idempotency_keys"))}


async def test_a_write_is_read_back_by_another_connection(database: SqliteDatabase) -> None:
    assert await database.write(partial(add, key="a")) == "a"
    assert await keys(database) == {"a"}


async def test_a_failing_write_undoes_only_itself(database: SqliteDatabase) -> None:
    await database.write(partial(add, key="a"))
    results = await asyncio.gather(
        *(database.write(partial(add, key=key)) for key in ("b", "a", "c")),
        return_exceptions=True,
    )
    assert results[0] == "b"
    assert isinstance(results[1], IntegrityError)
    assert results[2] == "c"
    assert await keys(database) == {"a", "b", "c"}


async def test_a_commit_that_fails_is_every_callers_answer(database: SqliteDatabase) -> None:
    async def break_the_commit(session: AsyncSession) -> None:
        await session.execute(text("PRAGMA defer_foreign_keys = ON"))
        session.add(SubmissionRow(id="s", output_id="none", attempt=1, provider="", phase="", intent_at=1.0))
        await session.flush()

    results = await asyncio.gather(
        database.write(partial(add, key="x")), database.write(break_the_commit), return_exceptions=True
    )
    assert [type(result) for result in results] == [IntegrityError, IntegrityError]
    assert await keys(database) == set()
    assert await database.write(partial(add, key="y")) == "y"


async def test_a_caller_that_goes_away_does_not_stop_the_writer(database: SqliteDatabase) -> None:
    task = asyncio.create_task(database.write(partial(add, key="a")))
    await asyncio.sleep(0)
    task.cancel()
    await database.write(partial(add, key="b"))
    assert "b" in await keys(database)


async def test_readers_cannot_write(database: SqliteDatabase) -> None:
    async with database.read() as session:
        with pytest.raises(DBAPIError, match="readonly"):
            await session.execute(text("DELETE FROM idempotency_keys"))


async def test_every_commit_is_on_disk_before_it_is_answered(database: SqliteDatabase) -> None:
    async def pragmas(session: AsyncSession) -> tuple[object, ...]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return tuple([await session.scalar(text(f"PRAGMA {name}")) for name in names])

    assert await database.write(pragmas) == ("wal", 2, 1)


async def test_closing_finishes_what_is_queued(tmp_path: Path) -> None:
    opened = SqliteDatabase(tmp_path / "db.sqlite3")
    await opened.migrate()
    await opened.start()
    waiting = [asyncio.create_task(opened.write(partial(add, key=str(n)))) for n in range(20)]
    await asyncio.sleep(0)
    await opened.close()
    assert len(await asyncio.gather(*waiting)) == 20


async def test_statements_in_errors_hide_their_values(database: SqliteDatabase) -> None:
    await database.write(partial(add, key="secret-value"))
    with pytest.raises(IntegrityError) as error:
        await database.write(partial(add, key="secret-value"))
    assert "secret-value" not in str(error.value)
