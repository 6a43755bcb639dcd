"""The census agrees with the queues, the flags and the ledger that it counts, on both databases."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select, update

from app.db import budgets, census, flagged, ledger, outputs
from app.db.budgets import Change
from app.db.census import Spent
from app.db.leases import Claim
from app.db.ledger import Entry
from app.db.tables import ApiKeyRow, LedgerRow, OutputRow, SubmissionRow
from app.domain.jobs import State
from app.domain.limits import Limits
from tests.db.rows import add_video

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.census import Census
    from app.db.session import Database

NOW = 1_800_000_000.0
DAY = 86400.0


async def take(database: Database, now: float = NOW, spent: Spent | None = None) -> Census:
    async with database.read() as session:
        return await census.take(session, now, spent or Spent())


async def test_outputs_are_counted_by_state_and_those_that_ended_are_not(database: Database) -> None:
    async def work(session: AsyncSession) -> None:
        await add_video(session, "video_q", 3, NOW - 10)
        await add_video(session, "video_r", 2, NOW - 20, State.RUNNING)
        await add_video(session, "video_c", 4, NOW - 30, State.COMPLETED)
        await session.execute(update(OutputRow).where(OutputRow.id == "video_c-0").values(cleanup=True))

    await database.write(work)
    found = await take(database)
    assert found.waiting == {"queued": 3, "submitting": 0, "running": 2, "storing": 0, "cleanup": 1, "delivery": 0}
    assert found.due == {"queued": NOW - 10, "running": NOW - 20, "cleanup": NOW - 30}


async def test_what_is_being_worked_at_or_waits_for_its_moment_is_not_overdue(database: Database) -> None:
    await database.write(partial(add_video, video_id="video_1", outputs=3, now=NOW - 10))
    await database.write(partial(outputs.claim, states=(State.QUEUED,), claim=Claim("a", NOW, 30.0, 2)))
    assert (await take(database)).due == {"queued": pytest.approx(NOW - 10 + 0.002)}
    later = update(OutputRow).where(OutputRow.id == "video_1-2").values(run_at=NOW + 60)
    await database.write(lambda session: session.execute(later))
    found = await take(database)
    assert (found.waiting["queued"], found.due) == (3, {})
    assert (await take(database, NOW + 31)).due == {"queued": NOW - 10}, "its lease has run out"


async def test_as_many_submissions_are_flagged_as_an_operator_is_shown(database: Database) -> None:
    phases = (("submitting", State.FAILED), ("submitting", State.SUBMITTING), ("accepted", State.FAILED))

    async def work(session: AsyncSession) -> None:
        for number, (phase, state) in enumerate(phases):
            await add_video(session, f"video_{number}", 1, NOW, state)
            fields = {"id": f"sub_{number}", "output_id": f"video_{number}-0", "phase": phase}
            session.add(SubmissionRow(attempt=1, provider="fal", intent_at=NOW, **fields))

    await database.write(work)
    async with database.read() as session:
        shown, _ = await flagged.list_page(session, flagged.Page())
    assert (await take(database)).flagged == len(shown) == 1


async def test_costs_are_the_ledgers_sum_on_the_first_look_and_on_every_later_one(database: Database) -> None:
    spent = Spent()
    for hour in range(0, 24 * 6, 5):
        now = NOW + hour * 3600
        for model, amount in (("a", 1000), ("b", 7), ("free", 0)):
            entry = Entry("o", "video_1", "out_1", "fal", model, "completed", 1.0, amount)
            await database.write(partial(ledger.add, entry=entry, now=now - 60))
        found = await take(database, now, spent)
        spent = found.spent
        async with database.read() as session:
            total = await session.scalar(select(func.sum(LedgerRow.amount)))
        assert sum(found.costs.values()) == total
        assert found.costs["fal", "free"] == 0
        assert set(found.costs) == {("fal", "a"), ("fal", "b"), ("fal", "free")}
        assert (await take(database, now)).costs == found.costs, "as after a restart"
    assert now - spent.until <= 2 * DAY, "what is old is not read again"


async def test_a_budget_is_nearly_spent_from_nine_tenths_on_while_its_key_lives(database: Database) -> None:
    async def spend(key: str, amount: int, reserved: int = 0, **fields: float) -> None:
        async def work(session: AsyncSession) -> None:
            named = {"id": key, "name": "k", "role": "member", "prefix": "rg_", "hash": key}
            session.add(ApiKeyRow(created_at=NOW, **named, **fields))
            limits = Limits(budget=100 if amount else 0, period="day")
            await budgets.set_limits(session, key, limits, NOW)
            await budgets.count(session, key, Change(spent=amount, reserved=reserved), NOW)

        await database.write(work)

    await spend("just", 80, 10)
    await spend("not yet", 89)
    await spend("nothing to spend", 0)
    await spend("revoked", 99, revoked_at=NOW)
    await spend("expired", 99, expires_at=NOW - 1)
    await spend("expires", 99, expires_at=NOW + 2 * DAY)
    assert (await take(database)).nearly_spent == 2
    assert (await take(database, NOW + DAY)).nearly_spent == 0, "a new day has a new budget"
