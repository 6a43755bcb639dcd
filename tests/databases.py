"""Databases for tests: SQLite in a folder, or fresh ones on a throw-away Postgres server.

The tables are made once per server, in a template that every fresh database is a copy of.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TYPE_CHECKING

import asyncpg
from sqlalchemy.engine import make_url

from app.db.postgres import PostgresDatabase

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from tests.postgres import Server

_TEMPLATE = "template"


class Databases:
    """Makes databases on a server that nobody else uses; it need not be durable."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._template = make_url(server.url(_TEMPLATE))
        self._numbers = count(1)
        _aside(self._prepare())

    def fresh(self) -> str:
        """Return the URL of a new database that has its tables."""
        name = f"fresh_{next(self._numbers)}"
        _aside(self._run(f'CREATE DATABASE "{name}" TEMPLATE "{_TEMPLATE}"'))
        return self._template.set(database=name).render_as_string()

    def drop(self, url: str) -> None:
        """Remove a database, whoever still uses it."""
        _aside(self._run(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)'))

    async def _prepare(self) -> None:
        database = PostgresDatabase(self._template.render_as_string())
        await database.migrate()
        await database.close()
        await self._run("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")

    async def _run(self, *statements: str) -> None:
        admin = self._template.set(drivername="postgresql", database="postgres")
        connection = await asyncpg.connect(admin.render_as_string())
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


def _aside(work: Coroutine[None, None, None]) -> None:
    """Run it to its end; the caller may be in a loop of its own."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()
