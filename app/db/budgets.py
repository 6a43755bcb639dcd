"""Budgets: what keys may spend, have spent and have reserved; their requests of this minute and outputs in flight.

Whether there is room is asked and taken in one conditional statement, so that any number of replicas agree. A row is
locked until its transaction ends, so it is what a transaction changes last, after videos and outputs. Owners without a
row (the admin key of the settings, an open gateway) have no limits. Money is integer micro-dollars.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from sqlalchemy import Float, bindparam, case, func, literal, or_, select, update

from app.db.rows import table_of
from app.db.tables import ApiKeyRow, BudgetRow, LedgerRow, OutputRow, VideoRow
from app.domain.limits import Period, period_end, period_start

if TYPE_CHECKING:
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


# The statements are made once: SQLAlchemy takes longer to put one together than SQLite to carry it out.

_BUDGETS = table_of(BudgetRow)
_ROW = _BUDGETS.c

_PERIODS: tuple[Period, ...] = ("day", "month")
# when the row's own kind of period began; see `_moments`
_BEGUN = case(*((_ROW.period == each, bindparam(each, type_=Float)) for each in _PERIODS), else_=literal(0.0))
# what was spent before this period: when a new one begins, everything so far
_BASE = case((_ROW.period_start < _BEGUN, _ROW.spent), else_=_ROW.base)

_COUNT = (
    update(_BUDGETS)
    .where(_ROW.owner == bindparam("of"))
    .values(
        base=_BASE,
        period_start=case((_ROW.period_start < _BEGUN, _BEGUN), else_=_ROW.period_start),
        spent=_ROW.spent + bindparam("more_spent"),
        reserved=_ROW.reserved + bindparam("more_reserved"),
        in_flight=_ROW.in_flight + bindparam("more_in_flight"),
    )
)
_FITS = or_(_ROW.budget.is_(None), _ROW.spent - _BASE + _ROW.reserved + bindparam("wanted") <= _ROW.budget)
_FREE = or_(_ROW.max_concurrent.is_(None), _ROW.in_flight + bindparam("more_in_flight") <= _ROW.max_concurrent)
_RESERVE = _COUNT.where(_FITS, _FREE)
_WHETHER_IT_FITS = select(_FITS).where(_ROW.owner == bindparam("of"))
# Replicas differ by a moment: of two minutes the later counts. One far ahead is of a date that was set back since.
_FRESH = or_(_ROW.minute < bindparam("now_minute"), _ROW.minute - 1 > bindparam("now_minute"))
_ADMIT = (
    update(_BUDGETS)
    .where(_ROW.owner == bindparam("of"), or_(_FRESH, _ROW.requests < _ROW.requests_per_minute))
    .values(
        minute=case((_FRESH, bindparam("now_minute")), else_=_ROW.minute),
        requests=case((_FRESH, 1), else_=_ROW.requests + 1),
    )
    .returning(_ROW.requests, _ROW.requests_per_minute)
)
_RATE = select(_ROW.requests_per_minute).where(_ROW.owner == bindparam("of"))
_NEARLY_SPENT = (
    select(func.count())
    .select_from(_BUDGETS)
    .join(ApiKeyRow, ApiKeyRow.id == _ROW.owner)
    .where(ApiKeyRow.revoked_at.is_(None), func.coalesce(ApiKeyRow.expires_at, bindparam("now")) >= bindparam("now"))
    .where(_ROW.budget > 0, (_ROW.spent - _BASE + _ROW.reserved) * 10 >= _ROW.budget * 9)
)


def _values(owner: str, change: Change, now: float) -> dict[str, str | float]:
    """Return what the statements about money are carried out with."""
    return {
        "of": owner,
        "more_spent": change.spent,
        "more_reserved": change.reserved,
        "more_in_flight": change.in_flight,
        **{period: period_start(period, now) for period in _PERIODS},
    }


async def reserve(session: AsyncSession, owner: str, wanted: Change, now: float, least: int = 0) -> Refusal | None:
    """Reserve money and places for new outputs, both or neither; returns what there is no room in.

    `least` must be left, though less is reserved.
    """
    values = {**_values(owner, wanted, now), "wanted": max(wanted.reserved, least)}
    done = await session.execute(_RESERVE, values)
    if done.rowcount:  # type: ignore[attr-defined]  # an UPDATE's result is a CursorResult
        return None
    fits = await session.scalar(_WHETHER_IT_FITS, values)
    return None if fits is None else "concurrency" if fits else "budget"


async def count(session: AsyncSession, owner: str, change: Change, now: float) -> None:
    """Add to an owner's counters what has happened, whatever the limits say."""
    await session.execute(_COUNT, _values(owner, change, now))


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
    counted = (await session.execute(_ADMIT, {"of": owner, "now_minute": minute})).one_or_none()
    reset = (minute + 1) * _MINUTE - now
    if counted is not None:
        limit = counted.requests_per_minute
        return None if limit is None else Rate(limit, max(0, limit - counted.requests), reset, admitted=True)
    limit = await session.scalar(_RATE, {"of": owner})
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


async def nearly_spent(session: AsyncSession, now: float) -> int:
    """Count the live keys of whose budget nine tenths are spent or reserved; a budget of 0 is not nearly spent."""
    moments: dict[str, float] = {"now": now, **{str(period): period_start(period, now) for period in _PERIODS}}
    return int(await session.scalar(_NEARLY_SPENT, moments) or 0)
