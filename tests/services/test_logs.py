"""The sweep ends what the logs remember: requests after the setting's time, webhooks' deliveries after thirty days."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from app.db import request_log
from app.db.tables import DeliveryRow, EventRow, RequestRow
from app.services.ending import Ending
from tests.db.test_request_log import ENTRY
from tests.services.bench import OWNER, Scripted, open_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from tests.services.bench import Bench

DAY = 86400.0


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Scripted("fal")) as opened:
        yield opened


async def request(bench: Bench, name: str) -> None:
    """Log a request that comes now."""
    entries = [replace(ENTRY, id=name, at=bench.clock())]
    await bench.database.write(partial(request_log.add, entries=entries))


async def deliver(bench: Bench, name: str, state: str) -> None:
    """Leave a delivery, made now."""
    video_id, now = await bench.create(), bench.clock()
    fixed = {"owner": OWNER, "created_at": now}

    async def work(session: AsyncSession) -> None:
        session.add(EventRow(id=f"evt_{name}", video_id=video_id, type="video.failed", model="m", **fixed))
        await session.flush()
        left = {"target": name, "url": "https://a.example/", "fence": 0, "failures": 0, "history": []}
        session.add(DeliveryRow(id=name, event_id=f"evt_{name}", state=state, **left, **fixed))
        await session.flush()

    await bench.database.write(work)


async def left(bench: Bench) -> tuple[set[str], set[str]]:
    """Return the requests and the deliveries that are remembered."""
    async with bench.database.read() as session:
        requests, deliveries = (
            await session.scalars(select(RequestRow.id)),
            await session.scalars(select(DeliveryRow.id)),
        )
        return set(requests), set(deliveries)


async def test_logs_go_back_as_far_as_they_should(bench: Bench) -> None:
    ending = Ending(replace(bench.context, request_log_seconds=7 * DAY))
    await request(bench, "old")
    for name, state in (("delivered", "delivered"), ("failed", "failed"), ("pending", "pending")):
        await deliver(bench, name, state)
    bench.clock.now += 7 * DAY - 1
    await request(bench, "new")
    await ending.sweep()
    assert await left(bench) == ({"old", "new"}, {"delivered", "failed", "pending"})
    bench.clock.now += 2
    await ending.sweep()
    assert await left(bench) == ({"new"}, {"delivered", "failed", "pending"})
    bench.clock.now += 23 * DAY - 2
    await ending.sweep()
    assert await left(bench) == (set(), {"delivered", "failed", "pending"})
    bench.clock.now += 2
    await ending.sweep()
    assert await left(bench) == (set(), {"pending"}), "what is still to be sent is no log"
