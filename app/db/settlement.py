"""Settlement: what an output has cost is booked, and what was reserved for it and is not needed is given back.

`settle` looks at how an output stands now and brings the ledger and the budget in line, so it may be called after every
change, and twice. It belongs into the transaction of that change, after it.

A live output holds its estimate. A finished one cost what the provider said or, where that does not tell, the
estimate. A failed one cost what was charged for it; where the provider may still charge (the fate of its submission is
unknown, or cleanup waits for its end upstream), the estimate stays reserved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import select, update

from app.db import budgets, ledger
from app.db.tables import OutputRow, SubmissionRow, VideoRow
from app.domain.jobs import GIVEN_UP, LIVE, State

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

_Facts: TypeAlias = Any  # a row of these columns
_FACTS = (
    OutputRow.id,
    OutputRow.state,
    OutputRow.provider,
    OutputRow.offer,
    OutputRow.result,
    OutputRow.operation,
    OutputRow.error_code,
    OutputRow.cleanup,
    OutputRow.duration,
    OutputRow.cost,
    OutputRow.estimate,
    OutputRow.reserved,
    OutputRow.booked,
    OutputRow.in_flight,
    OutputRow.video_id,
    VideoRow.owner,
    VideoRow.executed_model,
    VideoRow.order,
)


async def settle(session: AsyncSession, output_id: str, now: float) -> None:
    """Book what an output cost by now (unix seconds) and was not booked yet; reserve what it may still cost."""
    statement = select(*_FACTS).join(VideoRow, VideoRow.id == OutputRow.video_id).where(OutputRow.id == output_id)
    row = (await session.execute(statement.with_for_update(of=OutputRow))).one()
    state = State(row.state)
    ends = row.in_flight and state not in LIVE
    owed = _owed(row, state, ends=ends)
    reserved = max(0, (row.estimate or 0) - owed) if await _may_cost_more(session, row, state) else 0
    change = budgets.Change(owed - row.booked, reserved - row.reserved, int(state in LIVE) - int(row.in_flight))
    if change == budgets.Change():
        return
    await session.execute(
        update(OutputRow)
        .where(OutputRow.id == output_id)
        .values(booked=owed, reserved=reserved, in_flight=state in LIVE)
        .execution_options(synchronize_session=False)
    )
    made = ends and state is State.COMPLETED
    if change.spent or made:
        entry = ledger.Entry(
            owner=row.owner,
            video_id=row.video_id,
            output_id=row.id,
            provider=row.provider,
            model=row.executed_model.partition("/")[2],
            outcome="completed" if state is State.COMPLETED else "failed",
            seconds=(row.duration or 0.0) if made else 0.0,
            amount=change.spent,
        )
        await ledger.add(session, entry, now)
    await budgets.count(session, row.owner, change, now)


def _owed(row: _Facts, state: State, *, ends: bool) -> int:
    """Return what an output has cost its owner so far, in micro-dollars."""
    if state is not State.COMPLETED:
        return row.cost or 0
    if not ends:
        return int(row.booked)
    told = isinstance((row.result or {}).get("cost"), int)
    return (row.cost or 0) + (0 if told else _estimate(row))


def _estimate(row: _Facts) -> int:
    """Return the estimate of the offer that was taken, as the video shows it."""
    offers = row.order.get("offers") or []
    taken = offers[row.offer]["estimate"] if row.offer < len(offers) else row.estimate
    return taken or 0


async def _may_cost_more(session: AsyncSession, row: _Facts, state: State) -> bool:
    if state in LIVE:
        return True
    if state is State.COMPLETED or row.error_code not in GIVEN_UP:
        return False
    if row.cleanup and row.operation is not None:
        return True
    newest = select(SubmissionRow.phase).where(SubmissionRow.output_id == row.id)
    return await session.scalar(newest.order_by(SubmissionRow.attempt.desc()).limit(1)) == "submitting"
