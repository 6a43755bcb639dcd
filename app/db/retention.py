"""Which finished videos have expired: the setting's word on every one, and the marks for the cleanup lane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import null, select, update

from app.db.tables import OutputRow, VideoRow
from app.domain.jobs import State

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.domain.jobs import Job


async def expire(session: AsyncSession, now: float, keep: float | None) -> None:
    """Hand the media of what has expired to the cleanup lane; `now` is in unix seconds.

    Every finished video is to be kept `keep` seconds (None: for ever) from its completion. A setting that was changed
    holds for those that have their media still, whenever they were made.
    """
    here = OutputRow.media_key.is_not(None)
    stored = select(OutputRow.video_id).where(OutputRow.video_id == VideoRow.id, here).exists()
    wanted = null() if keep is None else VideoRow.completed_at + keep
    await session.execute(
        update(VideoRow)
        .where(
            VideoRow.status == "completed",
            VideoRow.deleted_at.is_(None),
            VideoRow.expires_at.is_distinct_from(wanted),
            stored,
        )
        .values(expires_at=wanted)
        .execution_options(synchronize_session=False)
    )
    expired = select(VideoRow.id).where(VideoRow.expires_at <= now, VideoRow.deleted_at.is_(None))
    await session.execute(
        update(OutputRow)
        .where(OutputRow.state == State.COMPLETED, here, OutputRow.cleanup.is_(False), OutputRow.video_id.in_(expired))
        .values(cleanup=True, run_at=now)
        .execution_options(synchronize_session=False)
    )


async def media_gone(session: AsyncSession, job: Job) -> None:
    """Note that an output has no files any more; what it was stays known."""
    await session.execute(
        update(OutputRow)
        .where(OutputRow.id == job.id, OutputRow.fence == job.fence)
        .values(media_key=None)
        .execution_options(synchronize_session=False)
    )
