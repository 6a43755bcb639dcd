"""The request log's writer: it waits for nobody and keeps nobody waiting."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import pytest

from app.db.request_log import Page
from app.db.session import DatabaseUnavailable
from app.db.sqlite import SqliteDatabase
from app.services import request_log
from app.services.accounts import ADMIN
from app.services.request_log import RequestLog
from tests.db.test_request_log import ENTRY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.request_log import Entry
    from app.db.session import News

T = TypeVar("T")


class Counting(SqliteDatabase):
    """Counts its writes, and is away while it is told to be."""

    writes = 0
    away = False

    async def write(
        self, work: Callable[[AsyncSession], Awaitable[T]], news: News | None = None, *, brief: bool = False
    ) -> T:
        if self.away:
            raise DatabaseUnavailable("away")
        self.writes += 1
        return await super().write(work, news, brief=brief)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Counting]:
    database = Counting(tmp_path / "db.sqlite3")
    await database.migrate()
    await database.start()
    yield database
    await database.close()


def entry(number: int) -> Entry:
    return replace(ENTRY, id=f"req_{number:05}", at=ENTRY.at + number)


async def written(database: Counting) -> list[str]:
    """Return what is in the database, as another process would see it."""
    found, _ = await RequestLog(database, 1.0).list_page(ADMIN, Page(limit=100_000))
    return [each.row.id for each in found][::-1]


async def test_an_entry_is_written_down_by_itself(database: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_log, "_SECONDS", 0.01)
    log = RequestLog(database, 1.0)
    await log.start()
    log.add(entry(1))
    async with asyncio.timeout(60):
        while not await written(database):
            await asyncio.sleep(0.01)
    assert database.writes == 1
    await log.stop()
    assert database.writes == 1, "without entries nothing is written"


async def test_many_entries_share_a_transaction(database: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_log, "_TOGETHER", 10)
    log = RequestLog(database, 1.0)
    for number in range(25):
        log.add(entry(number))
    await log.list_page(ADMIN, Page())
    assert database.writes == 3
    assert await written(database) == [f"req_{number:05}" for number in range(25)]


async def test_what_waits_is_written_down_when_the_gateway_stops(database: Counting) -> None:
    log = RequestLog(database, 1.0)
    await log.start()
    log.add(entry(1))
    await log.stop()
    assert await written(database) == ["req_00001"]


async def test_entries_wait_for_a_database_that_is_away_up_to_a_number(
    database: Counting, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(request_log, "_MOST", 3)
    log = RequestLog(database, 1.0)
    database.away = True
    for number in range(5):
        log.add(entry(number))
        assert (await log.list_page(ADMIN, Page()))[0] == [], "reading goes on"
    database.away = False
    log.add(entry(9))
    await log.list_page(ADMIN, Page())
    assert await written(database) == ["req_00000", "req_00001", "req_00002"]
    assert '"entries": 3' in capfd.readouterr().err, "the log says how many were lost"
    log.add(entry(10))
    await log.list_page(ADMIN, Page())
    assert (await written(database))[-1] == "req_00010", "there is room again"


async def test_a_stop_does_not_wait_for_a_database_that_hangs(
    database: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_log, "_LAST_SECONDS", 0.05)
    hangs = asyncio.Event()

    async def hang(*_: object) -> None:
        await hangs.wait()

    monkeypatch.setattr(database, "write", hang)
    log = RequestLog(database, 1.0)
    await log.start()
    log.add(entry(1))
    async with asyncio.timeout(60):
        await log.stop()


async def test_entries_that_cannot_be_written_keep_no_others_from_it(
    database: Counting, capfd: pytest.CaptureFixture[str]
) -> None:
    log = RequestLog(database, 1.0)
    for each in (entry(1), entry(1)):
        log.add(each)
        await log.list_page(ADMIN, Page())
    log.add(entry(2))
    await log.list_page(ADMIN, Page())
    assert await written(database) == ["req_00001", "req_00002"]
    assert "cannot be written" in capfd.readouterr().err
