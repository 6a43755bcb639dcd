"""Budgets, rates and places under many hands at once, and what a period is, on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from app.db import budgets, ledger
from app.db.budgets import Change
from app.db.ledger import Entry, Span, Usage
from app.db.tables import BudgetRow, LedgerRow
from app.domain.limits import Limits

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.session import Database

NOW = 1_800_000_030.0  # 2027-01-15 08:00:30 UTC
OWNER = "key_1"


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


async def limit(database: Database, limits: Limits, now: float = NOW) -> None:
    await database.write(partial(budgets.set_limits, owner=OWNER, limits=limits, now=now))


async def reserve(database: Database, amount: int, outputs: int = 1, now: float = NOW) -> str | None:
    wanted = Change(reserved=amount, in_flight=outputs)
    return await database.write(partial(budgets.reserve, owner=OWNER, wanted=wanted, now=now))


async def spend(database: Database, amount: int, now: float) -> None:
    """Book a cost that nothing was reserved for."""
    entry = Entry(OWNER, "video_1", "out_1", "fal", "m", "completed", 2.0, amount)

    async def work(session: AsyncSession) -> None:
        await ledger.add(session, entry, now)
        await budgets.count(session, OWNER, Change(spent=amount), now)

    await database.write(work)


async def balance(database: Database, now: float) -> budgets.Balance:
    async with database.read() as session:
        return await budgets.balance(session, OWNER, now)


async def test_a_budget_has_room_for_exactly_what_it_is_for(database: Database) -> None:
    await limit(database, Limits(budget=50 * 7))
    answers = await asyncio.gather(*(reserve(database, 7) for _ in range(500)))
    assert (answers.count(None), answers.count("budget")) == (50, 450)
    assert (await balance(database, NOW)).available == 0


async def test_two_replicas_share_a_budget(postgres: Database, replica: Database) -> None:
    await limit(postgres, Limits(budget=50 * 7 + 6, max_concurrent=60))
    answers = await asyncio.gather(*(reserve(each, 7) for _ in range(250) for each in (postgres, replica)))
    assert (answers.count(None), answers.count("budget")) == (50, 450)


async def test_places_are_given_once(database: Database) -> None:
    await limit(database, Limits(max_concurrent=10))
    answers = await asyncio.gather(*(reserve(database, 7, outputs=3) for _ in range(50)))
    assert (answers.count(None), answers.count("concurrency")) == (3, 47)
    assert await reserve(database, 7, outputs=1) is None


async def test_without_room_for_both_it_is_the_money_that_is_missing(database: Database) -> None:
    await limit(database, Limits(budget=7, max_concurrent=1))
    assert await reserve(database, 7) is None
    assert await reserve(database, 7) == "budget", "waiting would not help"


async def test_an_owner_without_a_row_has_no_limits(database: Database) -> None:
    assert await reserve(database, 10**15, outputs=10**6) is None
    assert await database.write(partial(budgets.admit, owner=OWNER, now=NOW)) is None


async def test_each_minute_of_the_clock_has_room_for_so_many_requests(database: Database) -> None:
    await limit(database, Limits(requests_per_minute=5))
    first = await asyncio.gather(*(database.write(partial(budgets.admit, owner=OWNER, now=NOW)) for _ in range(20)))
    rates = [rate for rate in first if rate]
    assert sum(rate.admitted for rate in rates) == 5
    assert sorted(rate.remaining for rate in rates if rate.admitted) == [0, 1, 2, 3, 4]
    assert {(rate.limit, rate.reset) for rate in rates} == {(5, 30.0)}
    next_minute = await database.write(partial(budgets.admit, owner=OWNER, now=NOW + 30))
    assert next_minute == budgets.Rate(5, 4, 60.0, admitted=True)
    late = await database.write(partial(budgets.admit, owner=OWNER, now=NOW))
    assert late is not None
    assert late.remaining == 3, "a replica whose clock is behind opens no minute again"


async def test_a_date_that_is_set_back_shuts_nobody_out_until_it_is_reached_again(database: Database) -> None:
    await limit(database, Limits(requests_per_minute=1))
    tomorrow = await database.write(partial(budgets.admit, owner=OWNER, now=NOW + 24 * 3600))
    today = [await database.write(partial(budgets.admit, owner=OWNER, now=NOW)) for _ in range(2)]
    assert [rate and rate.admitted for rate in (tomorrow, *today)] == [True, True, False]


async def test_a_rate_that_is_set_and_taken_away_holds_at_once(database: Database) -> None:
    await limit(database, Limits(requests_per_minute=1))
    admit = partial(budgets.admit, owner=OWNER, now=NOW)
    assert [rate and rate.admitted for rate in [await database.write(admit) for _ in range(2)]] == [True, False]
    await limit(database, Limits())
    assert await database.write(admit) is None


@pytest.mark.parametrize(
    ("period", "last", "first", "resets"),
    [
        ("day", "2027-01-31T23:59:59", "2027-02-01T00:00:00", "2027-02-02"),
        ("month", "2027-01-31T23:59:59", "2027-02-01T00:00:00", "2027-03-01"),
        ("total", "2027-01-31T23:59:59", None, None),
    ],
)
async def test_a_period_has_the_whole_budget_less_what_is_under_way(
    database: Database, period: str, last: str, first: str | None, resets: str | None
) -> None:
    await limit(database, Limits(budget=100, period=period), at(last))  # type: ignore[arg-type]  # parametrised
    await spend(database, 60, at(last))
    assert await reserve(database, 30, now=at(last)) is None
    assert await reserve(database, 20, now=at(last)) == "budget"
    if first is None or resets is None:
        assert await reserve(database, 20, now=at("2037-01-01")) == "budget"
        return
    left = await balance(database, at(first))
    assert (left.spent, left.reserved, left.available, left.resets_at) == (0, 30, 70, at(resets))
    await spend(database, 5, at(first))
    assert await reserve(database, 66, now=at(first)) == "budget"
    assert await reserve(database, 65, now=at(first)) is None
    assert await reserve(database, 1, now=at(last)) == "budget", "a clock that is behind ends no period"


async def test_a_new_period_counts_what_was_spent_in_it_before_it_was_set(database: Database) -> None:
    await limit(database, Limits(budget=100), at("2027-01-01"))
    await spend(database, 50, at("2027-01-10"))
    await spend(database, 20, at("2027-01-15T10:00"))
    await limit(database, Limits(budget=100, period="day"), at("2027-01-15T12:00"))
    assert (await balance(database, at("2027-01-15T12:00"))).spent == 20
    await limit(database, Limits(budget=100, period="total"), at("2027-01-15T12:00"))
    assert (await balance(database, at("2027-01-15T12:00"))).spent == 70


async def test_what_was_spent_is_the_sum_of_the_ledger(database: Database) -> None:
    await limit(database, Limits(budget=1))
    await asyncio.gather(*(spend(database, amount, NOW) for amount in range(100)))
    async with database.read() as session:
        spent = await session.scalar(select(BudgetRow.spent))
        assert spent == await session.scalar(select(func.sum(LedgerRow.amount))) == 4950
    left = await balance(database, NOW)
    assert (left.spent, left.available) == (4950, 0), "a budget that was exceeded has nothing left, not less"


async def test_usage_is_added_up_by_group_within_a_span(database: Database) -> None:
    rows = [
        Entry("key_1", "video_1", "out_1", "fal", "grok", "completed", 2.0, 10),
        Entry("key_1", "video_1", "out_2", "xai", "grok", "failed", 0.0, 5),
        Entry("key_2", "video_2", "out_3", "fal", "veo", "completed", 4.5, 3 * 10**12),
    ]
    for number, row in enumerate(rows):
        await database.write(partial(ledger.add, entry=row, now=86_400.0 * (100 + number)))

    async def usage(group: ledger.Group, span: Span) -> list[Usage]:
        async with database.read() as session:
            return await ledger.usage(session, group, span)

    assert await usage("key", Span()) == [Usage("key_1", 1, 1, 2.0, 15), Usage("key_2", 1, 1, 4.5, 3 * 10**12)]
    assert await usage("model", Span()) == [Usage("grok", 1, 1, 2.0, 15), Usage("veo", 1, 1, 4.5, 3 * 10**12)]
    assert await usage("provider", Span(owner="key_1")) == [Usage("fal", 1, 1, 2.0, 10), Usage("xai", 1, 0, 0.0, 5)]
    assert await usage("day", Span(start=86_400 * 101, end=86_400 * 102)) == [Usage(101, 1, 0, 0.0, 5)]
    assert await usage("day", Span(start=86_400 * 103)) == []
