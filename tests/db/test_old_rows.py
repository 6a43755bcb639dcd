"""What earlier versions have written is there after upgrades, with what later ones need of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, insert, select
from sqlalchemy.exc import IntegrityError

from app.db import migrate
from app.db.postgres import PostgresDatabase
from app.db.sqlite import SqliteDatabase
from app.db.tables import Base, OutputRow, VideoRow
from app.db.videos import Page, list_page
from tests.db.test_migrate import CONFIG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.session import Database

REVISIONS = sorted(script.revision for script in ScriptDirectory.from_config(CONFIG).walk_revisions())
OF_KIND: dict[type, Any] = {int: 1, float: 1.0, bool: False, object: {}}  # JSON may be any object


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """Give a database of each kind, without any table."""
    sqlite = request.param == "sqlite"
    made = SqliteDatabase(tmp_path / "db") if sqlite else PostgresDatabase(request.getfixturevalue("postgres_url"))
    await made.start()
    await made.write(partial(_run, lambda connection: _tables(connection).drop_all(connection)))
    yield made
    await made.close()


@pytest.mark.filterwarnings("ignore:.*expression-based index")  # which cannot be compared on SQLite
async def test_a_video_of_every_earlier_version_is_one_of_this(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        for revision in REVISIONS:
            patched.setattr(migrate, "upgrade", partial(_upgrade, revision=revision))
            patched.setattr(migrate, "due", lambda _connection: True)
            await database.migrate()
            await database.write(partial(_run, partial(_fill, revision=revision)))
    await database.migrate()
    assert await database.write(partial(_run, _differences)) == []
    async with database.read() as session:
        videos = await session.execute(select(VideoRow.id, VideoRow.owner, VideoRow.prompt).order_by(VideoRow.id))
        assert videos.all() == [(each, each, each) for each in REVISIONS]
        outputs = await session.execute(select(OutputRow.video_id, OutputRow.owner).order_by(OutputRow.video_id))
        assert outputs.all() == [(each, each) for each in REVISIONS]
    orphan = insert(OutputRow).values(_row(Base.metadata.tables["outputs"], "none"))
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        await database.write(lambda session: session.execute(orphan))


async def test_prompts_of_earlier_versions_are_found_in_any_case(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def order(connection: Connection) -> None:
        videos = _tables(connection).tables["videos"]
        rows = [_row(videos, f"{number}") | {"prompt": f"Ein KÄTZCHEN, {number}"} for number in range(1001)]
        connection.execute(insert(videos), [{**row, "owner": "o"} for row in rows])

    with monkeypatch.context() as patched:
        patched.setattr(migrate, "upgrade", partial(_upgrade, revision="0012"))
        patched.setattr(migrate, "due", lambda _connection: True)
        await database.migrate()
    await database.write(partial(_run, order))
    await database.migrate()
    async with database.read() as session:
        for number in (0, 499, 500, 1000):
            found, _ = await list_page(session, "o", Page(prompt=f"kätzchen, {number}", limit=100))
            assert f"{number}" in {video.row.id for video in found}
        assert len(found) == 1


async def _run(work: Callable[[Connection], Any], session: AsyncSession) -> Any:
    return await (await session.connection()).run_sync(work)


def _upgrade(connection: Connection, revision: str) -> None:
    CONFIG.attributes["connection"] = connection
    command.upgrade(CONFIG, revision)


def _fill(connection: Connection, revision: str) -> None:
    """Put a row into each table as it is then."""
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
