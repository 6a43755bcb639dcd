"""Leases: whose a row of a queue is, and until when. The same for every table that is a queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import or_, update

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, Update
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.tables import DeliveryRow, OutputRow

_FREE: dict[str, None] = {"lease_owner": None, "lease_until": None}


@dataclass(frozen=True, slots=True)
class Claim:
    """Who claims, when (unix seconds), for how long (seconds) and how many at most; nothing of the `spared` owners."""

    owner: str
    now: float
    lease: float
    limit: int
    spared: frozenset[str] = frozenset()


class Claimed(Protocol):
    """A claimed row, with the fence that its claim raised."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def fence(self) -> int:
        """The fence."""


@dataclass(frozen=True, slots=True)
class Leases:
    """The leases of one table, in which nothing waits longer than `longest` seconds; `moments` are its other times."""

    table: type[OutputRow | DeliveryRow]
    longest: float
    moments: tuple[str, ...] = ()

    def unheld(self, now: float) -> ColumnElement[bool]:
        """Select the rows that nobody holds."""
        return or_(self.table.lease_until.is_(None), self.table.lease_until < now)

    async def give_back(self, session: AsyncSession, work: Claimed, run_at: float) -> None:
        """Hand a row back after a step that went wrong, unless the step has brought it to where nothing is due."""
        ours = (self.table.id == work.id, self.table.fence == work.fence, self.table.run_at.is_not(None))
        await _carry_out(session, update(self.table).where(*ours).values(run_at=run_at, **_FREE))

    async def renew(self, session: AsyncSession, owner: str, ids: Collection[str], until: float) -> None:
        """Extend the leases that `owner` holds on the rows it is really working on."""
        held = (self.table.lease_owner == owner, self.table.id.in_(ids))
        await _carry_out(session, update(self.table).where(*held).values(lease_until=until))

    async def release(self, session: AsyncSession, owner: str) -> None:
        """Hand back the leases of `owner`."""
        await _carry_out(session, update(self.table).where(self.table.lease_owner == owner).values(**_FREE))

    async def take_over(self, session: AsyncSession, now: float) -> None:
        """Take back every lease: on one node nobody else can be alive at the start.

        What waits longer than the longest pause does so because the date was set back meanwhile.
        """
        await _carry_out(session, update(self.table).where(self.table.lease_owner.is_not(None)).values(**_FREE))
        latest = now + self.longest
        await _carry_out(session, update(self.table).where(self.table.run_at > latest).values(run_at=latest))

    async def put_off(self, session: AsyncSession, seconds: float) -> None:
        """Move every moment that lies ahead, because the clock is about to jump by as much."""
        names = ("run_at", "lease_until", *self.moments)
        moved: dict[str, Any] = {name: getattr(self.table, name) + seconds for name in names}
        await _carry_out(session, update(self.table).where(self.table.run_at.is_not(None)).values(**moved))


async def _carry_out(session: AsyncSession, statement: Update) -> None:
    await session.execute(statement.execution_options(synchronize_session=False))
