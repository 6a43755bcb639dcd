"""Two requests under one key at the same moment: neither waits for the other's input, and one video is made."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from app.domain.errors import GatewayError
from tests.services.bench import OWNER, Scripted, open_bench, request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from app.services.planning import Plan
    from app.services.videos import Created
    from tests.services.bench import Bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Scripted()) as opened:
        yield opened


async def send(bench: Bench, prompt: str) -> Created:
    body: dict[str, object] = {"prompt": prompt, "seconds": 1, "resolution": "480p"}
    asked = request(**body, idempotency_key="k")
    return await bench.videos.create(OWNER, asked, body, bench.folder, is_retry=False)


@asynccontextmanager
async def held(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Task[Created]]:
    """Send a request whose input takes as long as the block."""
    plan, planned, go_on = bench.planner.plan, asyncio.Event(), asyncio.Event()

    async def plan_slowly(*given: object) -> Plan:
        planned.set()
        await go_on.wait()
        return await plan(*given)  # type: ignore[arg-type]  # what it was given

    with monkeypatch.context() as patched:
        patched.setattr(bench.planner, "plan", plan_slowly)
        first = asyncio.create_task(send(bench, "a calm sea"))
        await planned.wait()
    yield first
    go_on.set()
    await asyncio.wait([first])


async def test_the_second_does_not_wait_for_the_first_and_both_get_its_video(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with held(bench, monkeypatch) as first:
        second = await asyncio.wait_for(send(bench, "a calm sea"), timeout=30)
        assert not first.done()
    assert (second.replayed, (await first).replayed) == (False, True)
    assert (await first).video.row.id == second.video.row.id
    assert await bench.step() == ["queued"]


async def test_of_two_different_ones_the_first_that_is_complete_is_made(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with held(bench, monkeypatch) as first:
        assert not (await send(bench, "a storm")).replayed
    with pytest.raises(GatewayError, match="different request") as refused:
        await first
    assert refused.value.code == "idempotency_mismatch"
    assert await bench.step() == ["queued"]
