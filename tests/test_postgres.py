"""The throw-away Postgres server that other tests stand on."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from tests.postgres import cluster, needs_postgres

pytestmark = needs_postgres


async def test_a_throw_away_server_keeps_what_was_committed_through_a_crash() -> None:
    with cluster() as server:
        engine = create_async_engine(server.url("kept"))
        async with engine.begin() as connection:
            assert await connection.scalar(text("SHOW fsync")) == "on"
            await connection.execute(text("CREATE TABLE seen (id integer)"))
            await connection.execute(text("INSERT INTO seen VALUES (7)"))
        async with engine.connect() as connection:
            server.restart("immediate")
            with pytest.raises(DBAPIError):
                await connection.execute(text("SELECT 1"))
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT id FROM seen")) == 7
        await engine.dispose()
        folder = server.folder
    assert not folder.exists()
