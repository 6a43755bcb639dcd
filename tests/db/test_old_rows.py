"""What earlier versions have written is there after upgrades, with what later ones need of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, insert, select
from sqlalchemy.ext.asyncio import create_async_engine

from app.db import migrate
from app.db.tables import Base, OutputRow, VideoRow
from tests.db.test_migrate import CONFIG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncEngine

REVISIONS = sorted(script.revision for script in ScriptDirectory.from_config(CONFIG).walk_revisions())
OF_KIND: dict[type, Any] = {int: 1, float: 1.0, bool: False, object: {}}  # JSON may be any object


@pytest.fixture(params=["sqlite", "postgres"])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """Give a database of each kind, without any table."""
    sqlite = request.param == "sqlite"
    made = create_async_engine(
        f"sqlite+aiosqlite:///{tmp_path / 'db'}" if sqlite else request.getfixturevalue("postgres_url")
    )
    async with made.begin() as connection:
        await connection.run_sync(lambda sync: _tables(sync).drop_all(sync))
    yield made
    await made.dispose()


async def test_a_video_of_every_earlier_version_is_one_of_this(engine: AsyncEngine) -> None:
    for revision in REVISIONS:
        async with engine.begin() as connection:
            await connection.run_sync(_used, revision)
    async with engine.begin() as connection:
        await connection.run_sync(migrate.upgrade)
        assert await connection.run_sync(_differences) == []
        videos = await connection.execute(select(VideoRow.id, VideoRow.owner, VideoRow.prompt).order_by(VideoRow.id))
        assert videos.all() == [(each, each, each) for each in REVISIONS]
        outputs = await connection.execute(select(OutputRow.video_id, OutputRow.owner).order_by(OutputRow.video_id))
        assert outputs.all() == [(each, each) for each in REVISIONS]


def _used(connection: Connection, revision: str) -> None:
    """Bring the tables to a version, and put a row of it into each."""
    CONFIG.attributes["connection"] = connection
    command.upgrade(CONFIG, revision)
    for table in _tables(connection).sorted_tables:
        if table.name != "alembic_version":
            connection.execute(insert(table).values(_row(table, revision)))


def _row(table: Table, revision: str) -> dict[str, Any]:
    """Fill what must be: every name, also that of a row in another table, is the revision."""
    needed = [each for each in table.columns if each.name == "owner" or not (each.nullable or each.server_default)]
    return {each.name: OF_KIND.get(each.type.python_type, revision) for each in needed}


def _tables(connection: Connection) -> MetaData:
    known = MetaData()
    known.reflect(connection)
    return known


def _differences(connection: Connection) -> list[Any]:
    """Return what a new migration would have to change."""
    found: list[Any] = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    return found
