"""Databases of both kinds, started."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from app.db.postgres import PostgresDatabase
from app.db.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from app.db.session import Database


@asynccontextmanager
async def started(database: Database) -> AsyncIterator[Database]:
    """Migrate, start and finally close it; it listens once this returns."""
    listens = asyncio.Event()
    database.listen("keys", listens.set)
    await database.migrate()
    await database.start()
    try:
        if database.shared:
            await asyncio.wait_for(listens.wait(), 60)  # it then tells what may have been said before
        yield database
    finally:
        await database.close()


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    async with started(SqliteDatabase(tmp_path / "db.sqlite3")) as database:
        yield database


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[Database]:
    async with started(PostgresDatabase(postgres_url)) as database:
        yield database


@pytest.fixture
async def replica(postgres_url: str) -> AsyncIterator[Database]:
    """Another process's connections to the database of `postgres`."""
    async with started(PostgresDatabase(postgres_url)) as database:
        yield database


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """Give a database of each kind, to the same tests."""
    found: Database = request.getfixturevalue(request.param)
    return found
