"""The secrets that sign links: kept in the database, so that replicas share them, and replaced without a gap.

A new one is accepted at once and used only after a while, by which every replica has learned it. From then on the old
one signs nothing, and is accepted for as long as the operator wants.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from app.db import secrets as secrets_table
from app.db.session import DatabaseUnavailable
from app.services.audit import CLI, audit
from app.services.links import LONGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.session import Database
    from app.db.tables import SecretRow

log = structlog.get_logger()

_NAME = "links"
_SECRET_BYTES = 32
_LOOK_SECONDS = 5.0  # between two looks for what another replica did, in case the news of it never came
_LEAD_SECONDS = 15.0  # from a rotation to the first link that is signed by it: three looks


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret: used from `good_from` on, accepted before `good_until`; unix seconds, None for ever."""

    value: bytes = field(repr=False)
    good_from: float = 0.0
    good_until: float | None = None


@dataclass(slots=True)
class Ring:
    """The secrets as this process knows them, in the order of their use."""

    secrets: tuple[Secret, ...]

    def used(self, now: float) -> bytes:
        """Return the one to sign with."""
        begun = [secret for secret in self.secrets if secret.good_from <= now]
        return (begun or self.secrets)[-1 if begun else 0].value

    def accepted(self, now: float) -> list[bytes]:
        """Return those whose signatures count."""
        return [secret.value for secret in self.secrets if secret.good_until is None or now < secret.good_until]


@dataclass(frozen=True, slots=True)
class Rotation:
    """When the new secret is first used, and until when the old one is accepted; unix seconds."""

    used_from: float
    old_until: float


class LinkSecrets:
    """Loads, follows and replaces the secrets. `load` before use; `start` and `stop` where replicas share them.

    `file` is where earlier versions kept the first one, and what was signed then stays valid.
    """

    def __init__(self, database: Database, clock: Callable[[], float], file: Path | None = None) -> None:
        self.ring = Ring(())
        self._database = database
        self._clock = clock
        self._file = file
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def load(self) -> Ring:
        """Read the secrets, or make the first at the first start; replicas find the same one in the database."""

        async def work(session: AsyncSession) -> tuple[Secret, ...]:
            await self._database.hold(session, _NAME)
            if not await secrets_table.ring(session, _NAME):
                first = self._earlier() or secrets.token_bytes(_SECRET_BYTES)
                await secrets_table.add(session, _NAME, first.hex())
            return _read(await secrets_table.ring(session, _NAME))

        self.ring.secrets = await self._database.write(work)
        return self.ring

    async def rotate(self, grace: float = LONGEST, *, by: str = CLI) -> Rotation:
        """Replace the secret; links that the old one signed are good for `grace` seconds more, if they live so long."""
        new, now = secrets.token_bytes(_SECRET_BYTES).hex(), self._clock()
        used_from = now + (_LEAD_SECONDS if self._database.shared else 0)

        async def work(session: AsyncSession) -> None:
            await self._database.hold(session, _NAME)
            await secrets_table.replace(session, _NAME, new, now=now, at=used_from, until=used_from + grace)

        await self.load()
        await self._database.write(work, news=_NAME)
        await self.load()
        self._database.tell(_NAME)  # whoever heard of it before may have signed with the old one since
        audit("links.rotate", who=by, target=_NAME, grace_seconds=grace)
        return Rotation(used_from, used_from + grace)

    async def start(self) -> None:
        """Follow what other replicas do."""
        if self._database.shared:
            self._database.listen(_NAME, self._wake.set)
            self._task = asyncio.create_task(self._follow(), name="link-secrets")

    async def stop(self) -> None:
        """Follow no more."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._wake.wait()
            self._wake.clear()
            try:
                async with self._database.read() as session:
                    self.ring.secrets = _read(await secrets_table.ring(session, _NAME))
            except DatabaseUnavailable as fault:
                log.error("the database fails", reason=str(fault), reading="link secrets")
            except Exception:
                log.exception("the secrets of links cannot be read")

    def _earlier(self) -> bytes | None:
        return self._file.read_bytes() if self._file and self._file.exists() else None


def _read(rows: Sequence[SecretRow]) -> tuple[Secret, ...]:
    return tuple(Secret(bytes.fromhex(row.value), row.good_from, row.good_until) for row in rows)
