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
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
    from pathlib import Path

    from sqlalchemy.engine.interfaces import DBAPIConnection

T = TypeVar("T")
NAME = "sqlite.reelgate"  # of the dialect; with a plus in URLs
_PATIENCE_MS = 10_000  # with a lock that somebody else holds; one who holds it himself waits for no other
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

    @property
    def idle(self) -> bool:
        """Say whether it is open, and in no transaction."""
        return self._connection is not None and not self._connection.in_transaction

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Begin a transaction that writes, and commit it, in the thread: that waits for the disk.

        Raises sqlite3.Error also where SQLite has given the transaction up by itself, as for a full disk.
        """
        try:
            self._conn.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            await self.run(self._begin_patiently)
        try:
            yield
            await self.run(partial(self._conn.execute, "COMMIT"))
        finally:
            if self._conn.in_transaction:
                await self.rollback()

    def _begin_patiently(self) -> None:
        """Begin once nobody else writes; another process may, as a command that makes a key."""
        self._conn.execute(f"PRAGMA busy_timeout={_PATIENCE_MS}")
        try:
            self._conn.execute("BEGIN IMMEDIATE")
        finally:
            self._conn.execute("PRAGMA busy_timeout=0")

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what the block did in the transaction where it fails, and only that. Raises sqlite3.Error as above."""
        self._conn.execute("SAVEPOINT one")
        try:
            yield
        except BaseException:
            self._conn.execute("ROLLBACK TO one")
            raise
        finally:
            self._conn.execute("RELEASE one")


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
    """SQLAlchemy's dialect; transactions are begun and ended by whoever has the connection, at a tenth of the price."""

    supports_statement_cache = True

    def do_begin(self, dbapi_connection: DBAPIConnection) -> None:
        """Leave it to `Connection.transaction`."""

    do_commit = do_rollback = do_begin


registry.register(NAME, __name__, Dialect.__name__)


def connect(path: Path) -> Connection:
    """Return a connection to a file; to be awaited."""
    connection = Connection(lambda: sqlite3.connect(path, check_same_thread=False), _CHUNK)
    connection._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does: it must not keep a process from ending
    return connection
