"""Budgets: what keys may spend, have spent and have reserved; their requests of this minute and outputs in flight.

Whether there is room is asked and taken in one conditional statement, so that any number of replicas agree. A row is
locked until its transaction ends, so it is what a transaction changes last, after videos and outputs. Owners without a
row (the admin key of the settings, an open gateway) have no limits. Money is integer micro-dollars.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from sqlalchemy import case, func, literal, or_, select, update

from app.db.tables import BudgetRow, LedgerRow, OutputRow, VideoRow
from app.domain.limits import Period, period_end, period_start

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.domain.limits import Limits

Refusal: TypeAlias = Literal["budget", "concurrency"]

_MINUTE = 60  # seconds


@dataclass(frozen=True, slots=True)
class Change:
    """What to add to an owner's counters."""

    spent: int = 0
    reserved: int = 0
    in_flight: int = 0


def _begun(now: float) -> ColumnElement[float]:
    """Return when the row's own kind of period began."""
    starts = [(BudgetRow.period == each, literal(period_start(each, now))) for each in ("day", "month")]
    return case(*starts, else_=literal(0.0))


def _base(now: float) -> ColumnElement[int]:
    """Return what was spent before this period: when a new one begins, everything so far."""
    return case((BudgetRow.period_start < _begun(now), BudgetRow.spent), else_=BudgetRow.base)


async def reserve(session: AsyncSession, owner: str, wanted: Change, now: float, least: int = 0) -> Refusal | None:
    """Reserve money and places for new outputs, both or neither; returns what there is no room in.

    `least` must be left, though less is reserved.
    """
    fits = or_(
        BudgetRow.budget.is_(None),
        BudgetRow.spent - _base(now) + BudgetRow.reserved + max(wanted.reserved, least) <= BudgetRow.budget,
    )
    free = or_(BudgetRow.max_concurrent.is_(None), BudgetRow.in_flight + wanted.in_flight <= BudgetRow.max_concurrent)
    if await _add(session, owner, wanted, now, fits, free):
        return None
    refused = (await session.execute(select(fits.label("fits")).where(BudgetRow.owner == owner))).one_or_none()
    if refused is None:
        return None
    return "concurrency" if refused.fits else "budget"


async def count(session: AsyncSession, owner: str, change: Change, now: float) -> None:
    """Add to an owner's counters what has happened, whatever the limits say."""
    await _add(session, owner, change, now)


async def _add(session: AsyncSession, owner: str, change: Change, now: float, *conditions: ColumnElement[bool]) -> bool:
    begun = _begun(now)
    done = await session.execute(
        update(BudgetRow)
        .where(BudgetRow.owner == owner, *conditions)
        .values(
            base=_base(now),
            period_start=case((BudgetRow.period_start < begun, begun), else_=BudgetRow.period_start),
            spent=BudgetRow.spent + change.spent,
            reserved=BudgetRow.reserved + change.reserved,
            in_flight=BudgetRow.in_flight + change.in_flight,
        )
        .execution_options(synchronize_session=False)
    )
    return bool(done.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result is a CursorResult


@dataclass(frozen=True, slots=True)
class Rate:
    """How many requests a key may make per minute and has left, and the seconds until it has all of them again."""

    limit: int
    remaining: int
    reset: float
    admitted: bool


async def admit(session: AsyncSession, owner: str, now: float) -> Rate | None:
    """Count a request, if this minute of the clock has room for it; None where there is no limit."""
    minute = int(now // _MINUTE)
    fresh = BudgetRow.minute < minute
    counted = (
        await session.execute(
            update(BudgetRow)
            .where(BudgetRow.owner == owner, or_(fresh, BudgetRow.requests < BudgetRow.requests_per_minute))
            .values(
                minute=case((fresh, minute), else_=BudgetRow.minute),
                requests=case((fresh, 1), else_=BudgetRow.requests + 1),
            )
            .returning(BudgetRow.requests, BudgetRow.requests_per_minute)
            .execution_options(synchronize_session=False)
        )
    ).one_or_none()
    reset = (minute + 1) * _MINUTE - now
    if counted is not None:
        limit = counted.requests_per_minute
        return None if limit is None else Rate(limit, max(0, limit - counted.requests), reset, admitted=True)
    limit = await session.scalar(select(BudgetRow.requests_per_minute).where(BudgetRow.owner == owner))
    return None if limit is None else Rate(limit, 0, reset, admitted=False)


async def set_limits(session: AsyncSession, owner: str, limits: Limits, now: float) -> None:
    """Give an owner these limits; what it has spent, reserved and in flight stays."""
    row = await session.get(BudgetRow, owner, with_for_update=True, populate_existing=True)
    if row is None:
        row = BudgetRow(owner=owner, period="total", period_start=0.0, base=0, spent=0)
        session.add(row)
    if row.period != limits.period:
        row.period, row.period_start = limits.period, period_start(limits.period, now)
        before = select(func.coalesce(func.sum(LedgerRow.amount), 0)).where(
            LedgerRow.owner == owner, LedgerRow.at < row.period_start
        )
        row.base = int(await session.scalar(before) or 0)
    row.budget, row.max_concurrent = limits.budget, limits.max_concurrent
    row.requests_per_minute = limits.requests_per_minute
    await session.flush()


@dataclass(frozen=True, slots=True)
class Balance:
    """How an owner's money stands in this period, in micro-dollars; None where nothing limits or nothing resets."""

    limit: int | None
    spent: int
    reserved: int
    period: Period
    resets_at: float | None

    @property
    def available(self) -> int | None:
        """Return what may still be ordered for; never less than 0, though a cost may turn out above its estimate."""
        return None if self.limit is None else max(0, self.limit - self.spent - self.reserved)


def balance_of(row: BudgetRow, now: float) -> Balance:
    """Read a row as it would be if it was written to now."""
    period: Period = "day" if row.period == "day" else "month" if row.period == "month" else "total"
    base = row.spent if row.period_start < period_start(period, now) else row.base
    return Balance(row.budget, row.spent - base, row.reserved, period, period_end(period, now))


async def balance(session: AsyncSession, owner: str, now: float) -> Balance:
    """Return an owner's balance; for one without a row, what its outputs say."""
    row = await session.get(BudgetRow, owner)
    if row is not None:
        return balance_of(row, now)
    spent = await session.scalar(select(func.sum(LedgerRow.amount)).where(LedgerRow.owner == owner))
    held = select(func.sum(OutputRow.reserved)).join(VideoRow, VideoRow.id == OutputRow.video_id)
    reserved = await session.scalar(held.where(VideoRow.owner == owner))
    return Balance(None, int(spent or 0), int(reserved or 0), "total", None)
