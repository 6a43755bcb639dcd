"""aiosqlite with one visit to its thread per statement, where its own cursors make four; or with none.

Each visit wakes a thread and then the event loop: about 60 µs, more than most of our statements themselves take. So
those that touch a few rows may be carried out where they are asked for, while nothing else uses the connection.
"""

from __future__ import annotations

import contextlib
import sqlite3
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import aiosqlite
from aiosqlite.context import contextmanager
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator
    from pathlib import Path

    import sqlalchemy

T = TypeVar("T")
NAME = "sqlite.reelgate"  # of the dialect; with a plus in URLs
_CHUNK = 64  # rows, of iterations that SQLAlchemy does not do


class Connection(aiosqlite.Connection):
    """A connection whose cursors are made, read and closed where they are used."""

    _here = False

    @contextlib.contextmanager
    def here(self, *, really: bool = True) -> Iterator[None]:
        """Carry statements out on the event loop in this block: never those that wait for a lock or flush the disk."""
        self._here = really
        try:
            yield
        finally:
            self._here = False

    async def run(self, function: Callable[[], T]) -> T:
        """Call a function of sqlite3's, here or in the thread."""
        if self._here:
            return function()
        visit: Callable[[Callable[[], T]], Awaitable[T]] = self._execute
        return await visit(function)

    @contextmanager
    async def cursor(self) -> aiosqlite.Cursor:
        """Make a cursor."""
        return Cursor(self, self._conn.cursor())

    async def rollback(self) -> None:
        """Undo the transaction, if there is one."""
        if self._conn.in_transaction:
            await super().rollback()


class Cursor(aiosqlite.Cursor):
    """A cursor that reads all rows in the same visit that runs the statement."""

    _conn: Connection
    _rows: list[Any]

    async def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> Cursor:
        """Run a statement."""
        self._rows = await self._conn.run(partial(self._run, sql, tuple(parameters or ())))
        return self

    async def executemany(self, sql: str, parameters: Iterable[Any]) -> Cursor:
        """Run a statement with many values."""
        await self._conn.run(partial(self._cursor.executemany, sql, parameters))
        return self

    async def fetchall(self) -> list[Any]:
        """Return the rows."""
        return self._rows

    async def close(self) -> None:
        """Let go of it: with all its rows read, it holds nothing."""

    def _run(self, sql: str, parameters: tuple[Any, ...]) -> list[Any]:
        self._cursor.execute(sql, parameters)
        return self._cursor.fetchall()


class Dialect(SQLiteDialect_aiosqlite):
    """SQLAlchemy's dialect, with savepoints that are not compiled anew each time, which takes longer than the rest."""

    supports_statement_cache = True

    def do_savepoint(self, connection: sqlalchemy.Connection, name: str) -> None:
        """Begin one."""
        connection.exec_driver_sql(f"SAVEPOINT {name}")

    def do_rollback_to_savepoint(self, connection: sqlalchemy.Connection, name: str) -> None:
        """Undo what came after it."""
        connection.exec_driver_sql(f"ROLLBACK TO {name}")

    def do_release_savepoint(self, connection: sqlalchemy.Connection, name: str) -> None:
        """Keep what came after it."""
        connection.exec_driver_sql(f"RELEASE {name}")


registry.register(NAME, __name__, Dialect.__name__)


def connect(path: Path) -> Connection:
    """Return a connection to a file; to be awaited."""
    connection = Connection(lambda: sqlite3.connect(path, check_same_thread=False), _CHUNK)
    connection._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does: it must not keep a process from ending
    return connection
