"""Rows for tests, without the services that write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from app.db.tables import IdempotencyRow, OutputRow, VideoRow
from app.domain.jobs import State

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.session import Database


async def add(session: AsyncSession, key: str, weight: int = 1) -> str:
    """Add a row named `key`, of some `weight` in bytes."""
    session.add(IdempotencyRow(owner="o", key=key, fingerprint="f" * weight, video_id="v", created_at=1.0))
    await session.flush()
    return key


async def keys(database: Database) -> set[str]:
    """Return the names of the rows that `add` left."""
    async with database.read() as session:
        return {row.key for row in await session.execute(text("SELECT key FROM idempotency_keys"))}


async def add_video(
    session: AsyncSession, video_id: str, outputs: int, now: float, state: State = State.QUEUED
) -> None:
    """Add a video whose outputs are all due since `now` (unix seconds), the first one longest."""
    session.add(
        VideoRow(
            id=video_id,
            owner="o",
            model="m",
            executed_model="local/m",
            provider="local",
            mode="text-to-video",
            prompt="p",
            n=outputs,
            size="1x1",
            seconds="1",
            status="queued" if state is State.QUEUED else "in_progress",
            progress=0,
            pairs={},
            warnings=[],
            order={"offers": [], "inputs": []},
            fingerprint="f",
            created_at=now,
        )
    )
    await session.flush()
    for index in range(outputs):
        session.add(
            OutputRow(
                id=f"{video_id}-{index}",
                video_id=video_id,
                index=index,
                state=state,
                progress=0,
                run_at=now + index / 1000,
                fence=0,
                attempts=0,
                deadline=now + 3600,
                provider="local",
                cleanup=False,
            )
        )
    await session.flush()
