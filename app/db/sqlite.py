"""SQLite for one process, by its own rules (sqlite.org/wal.html).

Exactly one connection writes, transactions begin IMMEDIATE, and every commit is on disk before it is answered
(`synchronous=FULL`). A disk flush costs milliseconds, so writes that arrive while one is under way are committed
together: each runs in its own savepoint, all share one flush.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import NullPool

from app.db import driver
from app.db.session import ALONE, Database, DatabaseUnavailable, News, T
from app.metrics import BATCH_WRITES, WRITE_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from sqlalchemy.engine.interfaces import DBAPIConnection

_BATCH = 64  # writes that share one commit at most
_READERS = 4
_DAMAGES = (DatabaseError, sqlite3.DatabaseError)  # SQLAlchemy's, and the driver's own of BEGIN and COMMIT


class SqliteDatabase(Database):
    """Readers apart from the one writer."""

    shared = False

    def __init__(self, path: Path) -> None:
        super().__init__()
        url, connect = (
            f"{driver.NAME.replace('.', '+')}:///{path}",
            {"async_creator_fn": lambda *_, **__: driver.connect(path)},
        )
        # Parameters are prompts and hashes of keys: they have no place in a traceback.
        self._write_engine = create_async_engine(url, connect_args=connect, poolclass=NullPool, hide_parameters=True)
        self._read_engine = create_async_engine(
            url, connect_args=connect, pool_size=_READERS, max_overflow=0, hide_parameters=True
        )
        event.listen(self._write_engine.sync_engine, "connect", _prepare_writer)
        event.listen(self._read_engine.sync_engine, "connect", _prepare_reader)
        self._read = async_sessionmaker(self._read_engine, expire_on_commit=False)
        self._write = async_sessionmaker(expire_on_commit=False, autoflush=False, info={ALONE: True})
        self._writing: AsyncConnection | None = None
        self._queue: asyncio.Queue[_Write] = asyncio.Queue()
        self._writer: asyncio.Task[None] | None = None
        self._ahead = time.time() - time.monotonic()

    async def start(self) -> None:
        """Start the writer."""
        self._writer = asyncio.create_task(self._write_forever(), name="database-writer")

    async def close(self) -> None:
        """Finish what is queued, then let go of the file."""
        if self.alive:
            await self._queue.join()
        if self._writer:
            self._writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer
        await self._let_go()
        await self._read_engine.dispose()
        await self._write_engine.dispose()

    @property
    def alive(self) -> bool:
        """Say whether writes are carried out."""
        return self._writer is not None and not self._writer.done()

    async def migrate(self) -> None:
        """Bring the tables up to date. Raises DatabaseUnavailable where rows would refer to what is not there."""
        from app.db.migrate import due, upgrade  # noqa: PLC0415 - they are needed once, at the start

        async with self._write_engine.connect() as connection:
            # To change a table may be to replace it, which others must not forbid that refer to it
            # (sqlite.org/lang_altertable.html). Within a transaction this cannot be set.
            own = await _driver_of(connection)
            await own.execute("PRAGMA foreign_keys=OFF")
            try:
                async with own.transaction():
                    if await connection.run_sync(due):
                        await connection.run_sync(upgrade)
                        if (await connection.exec_driver_sql("PRAGMA foreign_key_check")).first():
                            raise DatabaseUnavailable("damaged: rows refer to others that are not there")
            finally:
                await own.execute("PRAGMA foreign_keys=ON")

    async def check(self) -> str:
        """Have SQLite look through the file; see `Database.check`."""
        from app.db.migrate import due  # noqa: PLC0415 - it is needed where somebody asks

        async with self.read() as session:
            found = await session.scalar(text("PRAGMA quick_check"))
            if found == "ok":
                await (await session.connection()).run_sync(due)
        if found != "ok":
            raise DatabaseUnavailable(f"damaged: {found}")
        return f"SQLite {sqlite3.sqlite_version}, sound"

    def clock(self) -> float:
        """Return this machine's time, which passes evenly until `follow` says otherwise."""
        return time.monotonic() + self._ahead

    def jump(self) -> float:
        """Compare with the machine's date; see `Database.jump`. A machine that slept has jumped, too."""
        return time.time() - self.clock()

    def follow(self, jump: float) -> None:
        """Set the clock; see `Database.follow`."""
        self._ahead += jump

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Open a session for reading; see `Database.read`."""
        try:
            async with self._read() as session:
                yield session
        except (DatabaseError, PoolTimeout) as error:
            fault = _fault(error)
            if fault is error:
                raise
            raise fault from error

    async def write(
        self, work: Callable[[AsyncSession], Awaitable[T]], news: News | None = None, *, brief: bool = False
    ) -> T:
        """Run `work` in a transaction; see `Database.write`."""
        if not self.alive:
            raise RuntimeError("the database writer does not run")
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_Write(work, done, news, brief=brief))
        with WRITE_SECONDS.time():
            result: T = await done
        return result

    async def hold(self, session: AsyncSession, name: str) -> None:
        """Nobody else writes meanwhile."""

    async def alone(self, work: Callable[[], Awaitable[None]], name: str) -> None:
        """Run `work`: there is no other process."""
        del name
        await work()

    async def _write_forever(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < _BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                await self._commit(batch)
            finally:
                for write in batch:
                    write.fail(RuntimeError("the write was not carried out"))
                    self._queue.task_done()

    async def _commit(self, batch: list[_Write]) -> None:
        BATCH_WRITES.observe(len(batch))
        try:
            results = await self._carry_out(batch)
        except Exception as error:  # noqa: BLE001 - whatever broke the commit is every waiting caller's answer
            for write in batch:
                write.fail(_fault(error))
            return
        finally:
            for write in batch:
                write.tell_changes(self)
        for write, result in zip(batch, results, strict=True):
            write.succeed(result)
        for write in batch:  # callers go first: the engine, which is told, takes its time
            if write.news and not write.failed:
                self.tell(write.news)

    async def _carry_out(self, batch: list[_Write]) -> list[object]:
        results = []
        own = await self._connected()
        async with own.transaction():
            for write in batch:
                with own.here(really=write.brief):
                    results.append(await write.run(self._write(bind=self._writing), own))
                await asyncio.sleep(0)  # many brief ones would keep everybody else waiting
        return results

    async def _connected(self) -> driver.Connection:
        """Return the writer's connection; another where it was lost, or its last transaction could not be ended."""
        own = await _driver_of(self._writing) if self._writing else None
        if own is None or not own.idle:
            await self._let_go()
            self._writing = await self._write_engine.connect()
            own = await _driver_of(self._writing)
        return own

    async def _let_go(self) -> None:
        if self._writing:
            await self._writing.close()
            self._writing = None


class _Write:
    """One caller's work, the future it waits on, and what is told once it is done."""

    def __init__(
        self,
        work: Callable[[AsyncSession], Awaitable[Any]],
        done: asyncio.Future[Any],
        news: News | None,
        *,
        brief: bool,
    ) -> None:
        self.news, self.brief, self.failed = news, brief, False
        self._work = work
        self._done = done
        self._session: AsyncSession | None = None

    async def run(self, session: AsyncSession, own: driver.Connection) -> object:
        """Do the work in a savepoint.

        Raises DatabaseUnavailable: SQLite has then undone the others' work, too, as for a full disk.
        """
        self._session = session
        try:
            with own.savepoint():
                try:
                    result = await self._work(session)
                    await session.flush()
                finally:
                    await session.close()  # as `async with` does, which makes a task for it
        except Exception as error:  # it belongs to this caller; the others' work stands
            fault = _fault(error)
            if isinstance(fault, DatabaseUnavailable):
                raise fault from error
            self.fail(error)
            return None
        return result

    def tell_changes(self, database: Database) -> None:
        """Tell what the work may have changed."""
        if self._session:
            database.tell_changes(self._session)

    def succeed(self, result: object) -> None:
        if not self._done.done():
            self._done.set_result(result)

    def fail(self, error: BaseException) -> None:
        self.failed = True
        if not self._done.done():
            self._done.set_exception(error)


async def _driver_of(connection: AsyncConnection) -> driver.Connection:
    own = (await connection.get_raw_connection()).driver_connection
    if not isinstance(own, driver.Connection):
        raise TypeError(f"a connection of ours was expected, not {own!r}")
    return own


def _fault(error: Exception) -> Exception:
    """Return what to raise: DatabaseUnavailable for what is SQLite's fault (disk full, read-only, I/O, a damaged file).

    It says what SQLite said first, without the statement and its values.
    """
    damaged = type(error) in _DAMAGES  # "malformed", "not a database"; their subclasses but one are our mistakes
    if not damaged and not isinstance(error, OperationalError | sqlite3.OperationalError | PoolTimeout):
        return error
    first: BaseException = error  # what follows it is about a transaction that has gone
    while isinstance(first.__context__, DatabaseError | sqlite3.Error):
        first = first.__context__
    return DatabaseUnavailable(str(first))


def _prepare_writer(connection: DBAPIConnection, _record: object) -> None:
    connection.isolation_level = None  # our driver begins them
    # What a client deleted is overwritten, not only unlinked: prompts must not stay readable in free pages.
    pragmas = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", "busy_timeout=0")
    _pragmas(connection, *pragmas)


def _prepare_reader(connection: DBAPIConnection, _record: object) -> None:
    _pragmas(connection, "busy_timeout=10000", "query_only=ON")


def _pragmas(connection: DBAPIConnection, *pragmas: str) -> None:
    cursor = connection.cursor()
    for pragma in pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
