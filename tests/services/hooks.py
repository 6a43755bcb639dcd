"""What the tests of delivering do: endpoints, videos that end, attempts that are due, the log."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from app.db.deliveries import Page
from app.db.leases import Claim
from app.domain.webhooks import EVENT_TYPES
from app.services.webhooks import Webhooks
from tests.services.bench import OWNER

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.db.deliveries import Delivery
    from app.db.tables import EndpointRow
    from tests.services.bench import Bench

HOUR = 3600.0
DAY = 24 * HOUR


def webhooks_of(bench: Bench) -> Webhooks:
    return Webhooks(bench.database, bench.context.poster, bench.clock)


async def add_endpoint(bench: Bench, url: str) -> EndpointRow:
    return await webhooks_of(bench).create(OWNER, "name", url, list(EVENT_TYPES))


async def end_video(bench: Bench, owner: str = OWNER, /, **fields: object) -> str:
    """Make a video and cancel it."""
    video_id = await bench.create(owner, **fields)
    await bench.videos.cancel(owner, video_id)
    return video_id


async def deliver(bench: Bench) -> int:
    """Make every attempt that is due, and return how many there were."""
    claim = Claim("bench", bench.clock(), 30.0, 100)
    due = await bench.database.write(partial(bench.delivering.claim, claim=claim))
    await asyncio.gather(*map(bench.delivering.deliver, due))
    return len(due)


async def log_of(bench: Bench, **page: object) -> list[Delivery]:
    found, _ = await webhooks_of(bench).deliveries(OWNER, Page(**page))  # type: ignore[arg-type]  # what Page takes
    return found


async def only(bench: Bench) -> Delivery:
    (delivery,) = await log_of(bench)
    return delivery


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not done():
            await asyncio.sleep(0.01)
