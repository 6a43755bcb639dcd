"""The ledger: what was made and what it cost, row by row, and added up. Rows are added, and never changed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from sqlalchemy import case, distinct, func, select

from app.db.tables import LedgerRow
from app.domain.limits import DAY

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

Group: TypeAlias = Literal["day", "model", "provider", "key"]

_COLUMNS = {
    "day": LedgerRow.day,
    "model": LedgerRow.model,
    "provider": LedgerRow.provider,
    "key": LedgerRow.owner,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What one output cost, in micro-dollars, and how many seconds of video it gave."""

    owner: str
    video_id: str
    output_id: str
    provider: str
    model: str
    outcome: Literal["completed", "failed"]
    seconds: float
    amount: int


async def add(session: AsyncSession, entry: Entry, now: float) -> None:
    """Add a row."""
    session.add(
        LedgerRow(
            id=f"led_{secrets.token_hex(16)}",
            owner=entry.owner,
            at=now,
            day=int(now // DAY),
            video_id=entry.video_id,
            output_id=entry.output_id,
            provider=entry.provider,
            model=entry.model,
            outcome=entry.outcome,
            seconds=entry.seconds,
            amount=entry.amount,
        )
    )
    await session.flush()


@dataclass(frozen=True, slots=True)
class Span:
    """Whose rows are added up (None: everybody's), from `start` to before `end` (unix seconds; None: no bound)."""

    owner: str | None = None
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a group comes to: the group is a day (counted since 1970), a model, a provider or an owner.

    `outputs` are the finished ones; `videos` are those that were finished or cost something.
    """

    group: int | str
    videos: int
    outputs: int
    seconds: float
    cost: int


async def usage(session: AsyncSession, group: Group, span: Span) -> list[Usage]:
    """Add the ledger up by group, in its order."""
    column = _COLUMNS[group]
    statement = select(
        column,
        func.count(distinct(LedgerRow.video_id)),
        func.sum(case((LedgerRow.outcome == "completed", 1), else_=0)),
        func.sum(LedgerRow.seconds),
        func.sum(LedgerRow.amount),
    )
    if span.owner is not None:
        statement = statement.where(LedgerRow.owner == span.owner)
    if span.start is not None:
        statement = statement.where(LedgerRow.at >= span.start)
    if span.end is not None:
        statement = statement.where(LedgerRow.at < span.end)
    rows = (await session.execute(statement.group_by(column).order_by(column))).all()
    return [Usage(name, videos, int(done), float(length), int(cost)) for name, videos, done, length, cost in rows]
