"""A database that is full, read-only or away: nothing is flagged, lost or paid twice for it, and nobody has to help."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from app.db.postgres import PostgresDatabase
from app.db.session import DatabaseUnavailable
from app.db.sqlite import SqliteDatabase
from app.providers.errors import Rejected, Transient
from tests.services import bench as bench_module
from tests.services.bench import Scripted, open_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.domain.jobs import Operation
    from app.providers.base import Order
    from tests.databases import Databases
    from tests.services.bench import Bench


class Slow(Scripted):
    """A provider whose submits are answered when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.answers = asyncio.Event(), asyncio.Event()
        self.refusal: Exception | None = None

    async def submit(self, order: Order) -> Operation:
        operation = await super().submit(order)
        self.asked.set()
        await self.answers.wait()
        if self.refusal:
            raise self.refusal
        return operation


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Slow()) as opened:
        yield opened


@pytest.fixture
async def replica(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    """Give a bench on Postgres."""
    monkeypatch.setattr(bench_module, "new_database", lambda _folder: PostgresDatabase(postgres_url))
    async with open_bench(tmp_path, Slow()) as opened:
        yield opened


async def submitting(bench: Bench) -> tuple[Slow, str, asyncio.Task[None]]:
    """Create a video and send its request; the provider has it and has not answered."""
    video_id = await bench.create()
    (job,) = await bench.claim()
    step = asyncio.create_task(bench.submitting.submit(job, lambda: True))
    assert isinstance(bench.provider, Slow)
    await asyncio.wait_for(bench.provider.asked.wait(), 60)
    return bench.provider, video_id, step


async def fill(session: AsyncSession, spare: int) -> None:
    pages = await session.scalar(text("PRAGMA page_count")) or 0
    await session.execute(text(f"PRAGMA max_page_count = {pages + spare}"))


async def forbid_writes(bench: Bench, *, forbidden: bool) -> None:
    """Have SQLite refuse every write, as on a disk that was mounted anew to be read."""
    assert isinstance(bench.database, SqliteDatabase)
    writer = bench.database._writing  # noqa: SLF001 - it is the connection's own setting
    assert writer is not None
    await writer.exec_driver_sql(f"PRAGMA query_only = {int(forbidden)}")


async def state(bench: Bench, video_id: str) -> str:
    return (await bench.show(video_id)).outputs[0].state


async def test_a_full_disk_refuses_creates_and_keeps_what_is_there(bench: Bench) -> None:
    video_id = await bench.create()
    await bench.database.write(partial(fill, spare=0))
    answers = await asyncio.gather(*(bench.create(prompt="x" * 4_000) for _ in range(50)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, DatabaseUnavailable)]
    assert {str(answer) for answer in refused} == {"database or disk is full"}
    assert len(await bench.claim()) == 1 + len(answers) - len(refused)
    assert (await bench.show(video_id)).row.status == "queued"
    await bench.database.write(partial(fill, spare=10_000))
    await bench.create(prompt="x" * 4_000)


async def test_an_answer_that_cannot_be_written_down_is_kept_until_it_can(bench: Bench) -> None:
    provider, video_id, step = await submitting(bench)
    await forbid_writes(bench, forbidden=True)
    provider.answers.set()
    await asyncio.wait([step], timeout=0.5)
    with pytest.raises(DatabaseUnavailable, match="readonly"):
        await bench.create()
    assert await state(bench, video_id) == "submitting"
    await forbid_writes(bench, forbidden=False)
    await asyncio.wait_for(step, 60)
    assert await state(bench, video_id) == "running"
    assert await bench.step() == []
    assert len(provider.ledger) == 1


@pytest.mark.parametrize("answer", [Transient("busy", retry_after=9.0), Rejected("no such style")])
async def test_a_refusal_that_cannot_be_written_down_is_kept_too(bench: Bench, answer: Exception) -> None:
    assert isinstance(bench.provider, Slow)
    bench.provider.refusal = answer
    provider, video_id, step = await submitting(bench)
    await forbid_writes(bench, forbidden=True)
    provider.answers.set()
    await asyncio.wait([step], timeout=0.5)
    await forbid_writes(bench, forbidden=False)
    await asyncio.wait_for(step, 60)
    assert await state(bench, video_id) == ("queued" if isinstance(answer, Transient) else "failed")
    assert len(provider.ledger) == 1


async def test_a_server_that_is_stopped_in_the_middle_of_a_submit_costs_nothing(
    replica: Bench, databases: Databases
) -> None:
    provider, video_id, step = await submitting(replica)
    await asyncio.to_thread(databases.server.stop, "immediate")
    provider.answers.set()
    await asyncio.wait([step], timeout=1)
    with pytest.raises(DatabaseUnavailable):
        await replica.show(video_id)
    with pytest.raises(DatabaseUnavailable):
        await replica.create()
    await asyncio.to_thread(databases.server.start)
    await asyncio.wait_for(step, 60)
    assert await state(replica, video_id) == "running"
    assert len(provider.ledger) == 1
