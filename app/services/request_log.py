"""The request log: written a moment after the answer, by the hundred, so that nobody waits for it.

Entries wait in memory for a second at most. A process that is killed loses those, and nothing else: what is paid for
is in the database before it is answered.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

import structlog

from app.db import request_log
from app.db.session import DatabaseUnavailable
from app.domain.errors import GatewayError, invalid

if TYPE_CHECKING:
    from app.db.request_log import Entry, Logged, Page
    from app.db.session import Database
    from app.services.accounts import Caller

log = structlog.get_logger()

_SECONDS = 1.0  # that an entry waits at most, where the database can be written to
_MOST = 10_000  # entries that wait; what comes while the database is away for longer is lost
_TOGETHER = 100  # entries that are written in one transaction: some ten milliseconds, where others write, too
_LAST_SECONDS = 3.0  # for the last ones, when the gateway stops


class RequestLog:
    """Takes entries and shows them. `keep` is for how many seconds they are kept; with 0 there is no log."""

    def __init__(self, database: Database, keep: float) -> None:
        self.kept = keep > 0
        self._database = database
        self._waiting: list[Entry] = []
        self._lost = 0
        self._writing = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Write down what comes, until `stop`."""
        self._task = asyncio.create_task(self._write_forever(), name="request-log")

    async def stop(self) -> None:
        """Write down what still waits."""
        self._stopping.set()
        if self._task:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._task, _LAST_SECONDS)

    def add(self, entry: Entry) -> None:
        """Take an entry, to be written down in a moment."""
        if len(self._waiting) < _MOST:
            self._waiting.append(entry)
        else:
            self._lost += 1

    async def get(self, caller: Caller, name: str, key_id: str | None = None) -> Logged:
        """Return one entry, by its id or its x-request-id, of a key if that is said. Raises GatewayError.

        Clients choose an x-request-id: where several keys have used it, an admin has to say which one is meant.
        """
        await self._write()
        owner = _scope(caller)
        async with self._database.read() as session:
            found = await request_log.get(session, owner or key_id, name)
            unclear = owner is None and key_id is None and found is not None and found.row.id != name
            if unclear and await request_log.is_shared(session, name):
                message = f"Several keys have sent the x-request-id {name[:80]!r}: add key_id, or use the entry's id."
                raise invalid("request_id", message)
        if found is None or key_id not in (None, found.row.owner):
            raise GatewayError("not_found", f"Request {name[:80]!r} not found.", param="request_id")
        return found

    async def list_page(self, caller: Caller, page: Page) -> tuple[list[Logged], bool]:
        """Return a page of the caller's own entries (an admin's: of all), and whether more follow."""
        await self._write()
        async with self._database.read() as session:
            return await request_log.list_page(session, _scope(caller), page)

    async def _write_forever(self) -> None:
        last = False
        while not last:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _SECONDS)
            last = self._stopping.is_set()
            await self._write()

    async def _write(self) -> None:
        """Write down all that waits; while the database is away, it goes on waiting."""
        async with self._writing:
            while self._waiting:
                entries = self._waiting[:_TOGETHER]
                try:
                    await self._database.write(partial(request_log.add, entries=entries))
                except DatabaseUnavailable:
                    return
                except Exception:
                    log.exception("entries of the request log cannot be written", entries=len(entries))
                del self._waiting[: len(entries)]
            if self._lost:
                log.warning("entries of the request log were lost", entries=self._lost)
                self._lost = 0


def _scope(caller: Caller) -> str | None:
    """Return whose entries a caller may see; None for everybody's."""
    return None if caller.role == "admin" else caller.owner
