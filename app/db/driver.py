"""aiosqlite with one visit to its thread per statement, where its own cursors make four.

Each visit wakes a thread and then the event loop: about 60 µs, more than most of our statements themselves take.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import aiosqlite
from aiosqlite.context import contextmanager

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from pathlib import Path

_CHUNK = 64  # rows, of iterations that SQLAlchemy does not do


class Connection(aiosqlite.Connection):
    """A connection whose cursors are made, read and closed where they are used."""

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

    _rows: list[Any]

    async def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> Cursor:
        """Run a statement."""
        run: Callable[..., Awaitable[list[Any]]] = self._conn._execute  # noqa: SLF001 - what its own cursors call
        self._rows = await run(self._run, sql, tuple(parameters or ()))
        return self

    async def fetchall(self) -> list[Any]:
        """Return the rows."""
        return self._rows

    async def close(self) -> None:
        """Let go of it: with all its rows read, it holds nothing."""

    def _run(self, sql: str, parameters: tuple[Any, ...]) -> list[Any]:
        self._cursor.execute(sql, parameters)
        return self._cursor.fetchall()


def connect(path: Path) -> Connection:
    """Return a connection to a file; to be awaited."""
    connection = Connection(lambda: sqlite3.connect(path, check_same_thread=False), _CHUNK)
    connection._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does: it must not keep a process from ending
    return connection
