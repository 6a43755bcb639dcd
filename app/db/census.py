"""The census: what waits, what is flagged, what was spent; asked whenever somebody reads the metrics.

Each statement costs what is live or flagged, not what there ever was.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import func, select

from app.db import budgets, deliveries, flagged, outputs
from app.db.tables import DeliveryRow, LedgerRow, OutputRow
from app.domain.jobs import LIVE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, ScalarSelect
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.leases import Leases

_DAY = 86400.0  # seconds; whatever commits later than that after its moment is counted at the next start

Costs: TypeAlias = "Counter[tuple[str, str]]"  # micro-dollars by provider and model

CLEANUP, DELIVERY = "cleanup", "delivery"


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent before a moment (unix seconds), which need not be added up again."""

    costs: Costs = field(default_factory=Counter)
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Census:
    """What the database holds just now.

    `waiting` counts outputs by state, CLEANUP, and deliveries (DELIVERY); `due` says since when (unix seconds) the
    first of each that nobody works at has been due. `nearly_spent` counts budgets.
    """

    waiting: Mapping[str, int]
    due: Mapping[str, float]
    flagged: int
    nearly_spent: int
    costs: Costs
    spent: Spent


async def take(session: AsyncSession, now: float, spent: Spent) -> Census:
    """Count; `spent` is the last census's."""
    states = sorted(LIVE)
    by_state = select(OutputRow.state, func.count()).where(OutputRow.state.in_(states)).group_by(OutputRow.state)
    counted = {row[0]: row[1] for row in await session.execute(by_state)}
    queues: dict[str, tuple[Leases, ColumnElement[bool]]] = {
        **{state: (outputs.LEASES, OutputRow.state == state) for state in states},
        CLEANUP: (outputs.LEASES, OutputRow.cleanup.is_(True)),
        DELIVERY: (deliveries.LEASES, DeliveryRow.state == deliveries.PENDING),
    }
    first = select(*(_first_due(leases, which, now).label(name) for name, (leases, which) in queues.items()))
    since = (await session.execute(first)).mappings().one()
    more = {name: await _count(session, queues[name]) for name in (CLEANUP, DELIVERY)}
    spent = await _frozen(session, now, spent)
    newest = await _costs(session, LedgerRow.at >= spent.until)
    return Census(
        waiting={**{state: counted.get(state, 0) for state in states}, **more},
        due={name: moment for name, moment in since.items() if moment is not None},
        flagged=await flagged.count(session),
        nearly_spent=await budgets.nearly_spent(session, now),
        costs=_sum(spent.costs, newest),
        spent=spent,
    )


def _first_due(leases: Leases, which: ColumnElement[bool], now: float) -> ScalarSelect[float | None]:
    """Walk the queue's index from its beginning; only what is being worked at has to be passed over."""
    table = leases.table
    due = select(table.run_at).where(which, table.run_at <= now, leases.unheld(now))
    return due.order_by(table.run_at).limit(1).scalar_subquery()


async def _count(session: AsyncSession, queue: tuple[Leases, ColumnElement[bool]]) -> int:
    leases, which = queue
    return int(await session.scalar(select(func.count()).select_from(leases.table).where(which)) or 0)


async def _frozen(session: AsyncSession, now: float, spent: Spent) -> Spent:
    """Freeze what is older than a day, once a day, so that a long ledger is read only once."""
    until = now - _DAY
    if spent.until > until - _DAY:
        return spent
    older = await _costs(session, LedgerRow.at >= spent.until, LedgerRow.at < until)
    return Spent(_sum(spent.costs, older), until)


async def _costs(session: AsyncSession, *when: ColumnElement[bool]) -> Costs:
    spent = select(LedgerRow.provider, LedgerRow.model, func.sum(LedgerRow.amount)).where(*when)
    rows = await session.execute(spent.group_by(LedgerRow.provider, LedgerRow.model))
    return Counter({(row[0], row[1]): int(row[2]) for row in rows})


def _sum(some: Costs, more: Costs) -> Costs:
    """Add up; what cost nothing stays in, which `+` would leave out."""
    total = Counter(some)
    total.update(more)
    return total
