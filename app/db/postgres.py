"""Postgres for any number of replicas: transactions side by side, its clock for all, NOTIFY as a hint.

`pg_notify` is sent with what creates, cancels, callbacks and ends of outputs commit, never with polls: it takes a lock
on the whole server at commit. LISTEN needs a session of its own, so a pooler in transaction mode will not do.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog
from sqlalchemy import func, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import NullPool

from app.db.session import Database, DatabaseUnavailable, News, T
from app.metrics import WRITE_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from sqlalchemy.engine import Connection

log = structlog.get_logger()

_POOL = 20  # connections of one process, beside the listening one
_CHANNEL = "reelgate"
_SERVER_SETTINGS = {
    "application_name": "reelgate",
    "synchronous_commit": "on",  # an intent to pay that a crash could undo is none
    "timezone": "UTC",
    # A replica that stands still in the middle of a transaction must not hold the others up.
    "idle_in_transaction_session_timeout": "10000",
}
_COMMAND_SECONDS = 30.0
_CONNECT_SECONDS = 10.0
_CONNECTION: dict[str, Any] = {"timeout": _CONNECT_SECONDS, "server_settings": _SERVER_SETTINGS}
_LARGEST_PORT = 65535
_LINE_SECONDS = 30.0  # for a free connection: a crowd that arrives at once is slow, and not refused
# Connection exception, insufficient resources (disk full), operator intervention, system error, read-only; the account
# is not let in, the database is gone.
_OUT_OF_ORDER = frozenset({"08", "53", "57", "58", "25", "28", "3D"})
_CLASHES = frozenset({"40001", "40P01"})  # serialization failure, deadlock: the server undid the transaction
_PAUSES = (0.01, 0.05, 0.2)  # seconds before a transaction that clashed is run again
_LISTEN_SECONDS = 10.0  # between two looks at the server's clock and at the listening connection
_TRUSTED_ROUND_TRIP = 0.5  # seconds; the clock is not read from an answer that took longer


class PostgresDatabase(Database):
    """A pool for reads and writes, and one connection that listens. Raises ValueError, ArgumentError for a bad URL."""

    shared = True

    def __init__(self, address: str) -> None:
        super().__init__()
        try:
            url = make_url(address)
            fits = url.get_backend_name() in ("postgresql", "postgres") and (url.port or 0) <= _LARGEST_PORT
        except ValueError:  # of a port
            fits = False
        if not fits:
            raise ValueError("expected postgresql+asyncpg://user:password@host:port/database; SQLite needs no setting.")
        self._dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connect = partial(
            create_async_engine,
            url.set(drivername="postgresql+asyncpg"),
            # Parameters are prompts and hashes of keys: they have no place in a traceback.
            hide_parameters=True,
        )
        self._engine = self._connect(
            pool_size=_POOL,
            max_overflow=0,
            pool_timeout=_LINE_SECONDS,
            pool_pre_ping=True,
            connect_args={**_CONNECTION, "command_timeout": _COMMAND_SECONDS},
        )
        # Each statement sees what is committed by then, in a transaction or not; without one there is no BEGIN and no
        # ROLLBACK to wait for.
        reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._read = async_sessionmaker(reading, expire_on_commit=False)
        self._write = async_sessionmaker(self._engine, expire_on_commit=False, autoflush=False)
        self._ahead = time.time() - _steady()
        self._listener: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Learn the server's time and listen."""
        await self._read_clock()
        self._listener = asyncio.create_task(self._listen_forever(), name="database-listener")

    async def close(self) -> None:
        """Close every connection."""
        if self._listener:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener
        await self._engine.dispose()

    @property
    def alive(self) -> bool:
        """Say whether `start` was called; whether the server answers is for a query to find out."""
        return self._listener is not None and not self._listener.done()

    async def migrate(self) -> None:
        """Bring the tables up to date, one replica at a time, however long a statement or another replica takes."""
        from app.db.migrate import due, upgrade  # noqa: PLC0415 - they are needed once, at the start

        engine = self._connect(poolclass=NullPool, connect_args=_CONNECTION)

        async def work() -> None:
            async with engine.begin() as connection:
                await connection.execute(select(func.pg_advisory_xact_lock(_number("migrations"))))
                if await connection.run_sync(due):
                    await connection.run_sync(_lock_tables)
                    await connection.run_sync(upgrade)

        with _faults():
            await _unclashed(work)

    async def check(self) -> str:
        """Ask the server its version; see `Database.check`."""
        from app.db.migrate import due  # noqa: PLC0415 - it is needed where somebody asks

        async with self.read() as session:
            await (await session.connection()).run_sync(due)
            return f"PostgreSQL {await session.scalar(select(func.current_setting('server_version')))}"

    def clock(self) -> float:
        """Return the server's time, by this machine's steady clock since it was last asked."""
        return _steady() + self._ahead

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Open a session for reading; see `Database.read`."""
        with _faults():
            async with self._read() as session:
                yield session

    def jump(self) -> float:
        """Return 0: the server's clock is all replicas', and none of them moves what waits."""
        return 0.0

    def follow(self, jump: float) -> None:
        """Do nothing; see `jump`."""

    async def write(
        self, work: Callable[[AsyncSession], Awaitable[T]], news: News | None = None, *, brief: bool = False
    ) -> T:
        """Run `work` in a transaction of its own, again if it clashed with another; see `Database.write`."""
        del brief
        with WRITE_SECONDS.time(), _faults():
            return await _unclashed(lambda: self._transact(work, news))

    async def _transact(self, work: Callable[[AsyncSession], Awaitable[T]], news: News | None) -> T:
        session = self._write()
        try:
            async with session, session.begin():
                result = await work(session)
                if news:
                    await session.execute(select(func.pg_notify(_CHANNEL, news)))
                return result
        finally:
            self.tell_changes(session)

    async def hold(self, session: AsyncSession, name: str) -> None:
        """Take an advisory lock that ends with the transaction."""
        await session.execute(select(func.pg_advisory_xact_lock(_number(name))))

    async def alone(self, work: Callable[[], Awaitable[None]], name: str) -> None:
        """Run `work` under an advisory lock, which dies with the connection; do nothing where another has it."""
        with _faults():
            async with self._engine.connect() as raw:
                connection = await raw.execution_options(isolation_level="AUTOCOMMIT")  # no transaction stays open
                if not await connection.scalar(select(func.pg_try_advisory_lock(_number(name)))):
                    return
                try:
                    await work()
                finally:
                    await connection.execute(select(func.pg_advisory_unlock(_number(name))))

    async def _read_clock(self) -> None:
        async with self.read() as session:
            asked = _steady()
            now = await session.scalar(select(func.extract("epoch", func.clock_timestamp())))
            answered = _steady()
        if now is not None and answered - asked < _TRUSTED_ROUND_TRIP:
            self._ahead = float(now) - (asked + answered) / 2

    async def _listen_forever(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - news are a hint: without them the lanes look by themselves
                log.warning("the database does not tell its news", reason=str(error) or type(error).__name__)
            await asyncio.sleep(1.0)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=_CONNECT_SECONDS, server_settings=_SERVER_SETTINGS)
        try:
            await connection.add_listener(_CHANNEL, lambda *said: self.tell(str(said[3])))
            for news in ("work", "keys"):  # what was said while nobody listened
                self.tell(news)
            while not connection.is_closed():
                await asyncio.sleep(_LISTEN_SECONDS)
                await connection.execute("SELECT 1", timeout=_CONNECT_SECONDS)
                await self._read_clock()
        finally:
            connection.terminate()


async def _unclashed(transact: Callable[[], Awaitable[T]]) -> T:
    """Run a transaction, again if it clashed with another."""
    for pause in _PAUSES:
        try:
            return await transact()
        except DBAPIError as error:
            if _state(error) not in _CLASHES:
                raise
        await asyncio.sleep(pause)
    return await transact()


def _lock_tables(connection: Connection) -> None:
    """Have every table before the first is changed: with replicas at work, who takes them one by one will clash."""
    quote = connection.dialect.identifier_preparer.quote
    if names := [quote(name) for name in inspect(connection).get_table_names()]:
        connection.execute(text(f"LOCK TABLE {', '.join(names)}"))


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    """Raise DatabaseUnavailable for what is the server's fault, or its network's."""
    try:
        yield
    except (OSError, asyncpg.InterfaceError, asyncpg.PostgresError, PoolTimeout) as error:  # TimeoutError is an OSError
        raise DatabaseUnavailable(str(error) or type(error).__name__) from error
    except DBAPIError as error:
        state = _state(error) or ""
        if error.connection_invalidated or isinstance(error, InterfaceError) or state[:2] in _OUT_OF_ORDER:
            raise DatabaseUnavailable(str(error.orig)) from error
        raise _without_values(error).with_traceback(error.__traceback__) from None


def _without_values(error: DBAPIError) -> DBAPIError:
    """Make the same error again without the server's DETAIL, which quotes what clients sent."""
    said = Exception(str(error.orig).partition("\nDETAIL")[0])
    return type(error)(error.statement, None, said, hide_parameters=True)


def _state(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def _steady() -> float:
    """Return seconds that pass evenly, whatever happens to this machine's date."""
    return time.monotonic()


def _number(name: str) -> int:
    """Make an advisory lock's number of its name; 64 bits, signed."""
    return int.from_bytes(hashlib.sha256(f"{_CHANNEL}:{name}".encode()).digest()[:8], signed=True)
