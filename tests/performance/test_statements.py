"""What a request asks of the database, counted: times differ from machine to machine, counts do not."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from app.db import outputs as queue
from app.db.leases import Claim
from app.db.videos import Page
from app.domain.jobs import LIVE, State
from app.providers.base import Pending
from tests.performance.statements import counted
from tests.services.bench import OWNER, Scripted, open_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.performance.statements import Statement
    from tests.services.bench import Bench

# Five for an owner without limits: a retry's video, the video, its outputs, the budget twice.
CREATE, RETRIEVE, PAGE = 5, 2, 2
SUBMIT, POLL, POLL_IN_VAIN = 12, 6, 3  # each with its claim, which is two for however many outputs


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Scripted("xai")) as opened:
        yield opened


async def test_a_create_asks_the_database_five_times_at_most_however_many_outputs_it_has(bench: Bench) -> None:
    for outputs in (1, 10):
        with counted() as seen:
            await bench.create(n=outputs)
        assert 0 < len(seen) <= CREATE, [each.text for each in seen]


async def test_a_video_is_read_with_two_statements_however_many_outputs_it_has(bench: Bench) -> None:
    for outputs in (1, 10):
        video_id = await bench.create(n=outputs)
        with counted() as seen:
            await bench.show(video_id)
        assert 0 < len(seen) <= RETRIEVE


async def test_a_page_is_read_with_two_statements_however_many_videos_there_are(bench: Bench) -> None:
    for _ in range(2):
        for number in range(5):
            await bench.create(prompt=f"clip {number}")
        with counted() as seen:
            await bench.videos.list_page(OWNER, Page(limit=3))
        assert 0 < len(seen) <= PAGE


@pytest.mark.parametrize("page", [Page(), Page(ascending=True), Page(created_after=1.0), Page(after="first")])
async def test_a_page_comes_from_an_index_without_sorting_or_looking_through_the_table(
    bench: Bench, page: Page
) -> None:
    first = await bench.create()
    if page.after:
        page = Page(after=first)
    with counted() as seen:
        await bench.videos.list_page(OWNER, page)
    listing = next(each for each in seen if "ORDER BY videos.created_at" in each.text)
    plan = await _plan(bench, listing)
    assert "ix_videos_owner_created_at_id" in plan
    assert "SCAN" not in plan
    assert "TEMP B-TREE" not in plan


async def test_claiming_ten_outputs_takes_no_more_statements_than_claiming_one(bench: Bench) -> None:
    await bench.create()
    with counted() as one:
        assert len(await bench.claim()) == 1
    await bench.create(n=10)
    with counted() as ten:
        assert len(await bench.claim()) == 10
    assert len(ten) == len(one)


async def test_a_claim_that_spares_an_owner_goes_by_the_index_of_what_is_due(bench: Bench) -> None:
    await bench.create("key_spared")
    await bench.create()
    claim = Claim("bench", bench.clock(), 30.0, 100, frozenset({"key_spared"}))
    with counted() as seen:
        async with bench.database.read() as session:
            assert await queue.next_due(session, LIVE, claim)
        assert len(await bench.database.write(partial(queue.claim, states=LIVE, claim=claim))) == 1
    for each in seen:
        plan = await _plan(bench, each)
        assert "SCAN outputs" not in plan, plan
        assert "ix_outputs_state_run_at" in plan or "outputs" not in each.text, plan


async def test_a_submit_and_a_poll_cost_no_more_statements_than_they_did(bench: Bench) -> None:
    bench.provider.on_poll = [Pending(progress=10), Pending(progress=10)]
    await bench.create()
    for state, most in ((State.QUEUED, SUBMIT), (State.RUNNING, POLL), (State.RUNNING, POLL_IN_VAIN)):
        with counted() as seen:
            assert await bench.step() == [state]
        assert 0 < len(seen) <= most, [each.text for each in seen]
        bench.clock.now += 60


async def _plan(bench: Bench, statement: Statement) -> str:
    async with bench.database.read() as session:
        connection = await session.connection()
        rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.text}", statement.parameters)
        return "; ".join(map(str, rows))
