"""Marks: what tells one visible state of a video from the next, read for many videos at once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from app.db.tables import OutputRow, VideoRow

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.videos import Video

_PENDING = ("queued", "in_progress")


class Mark(NamedTuple):
    """Equal for two looks at a video between which nothing happened that a client would see."""

    status: str
    progress: int
    outputs: tuple[tuple[str, int, str], ...]  # state, progress, provider

    @property
    def ended(self) -> bool:
        """Say whether the video is terminal."""
        return self.status not in _PENDING

    @property
    def id(self) -> str:
        """Name it briefly, in the same words on every replica."""
        return hashlib.sha256(repr(tuple(self)).encode()).hexdigest()[:16]


def mark_of(video: Video) -> Mark:
    """Return the mark of a video that was just read."""
    outputs = tuple((str(output.state), output.progress, output.provider) for output in video.outputs)
    return Mark(video.row.status, video.row.progress, outputs)


async def read_marks(session: AsyncSession, video_ids: Collection[str]) -> dict[str, Mark]:
    """Read the marks of videos; those that were deleted have none."""
    rows = await session.execute(
        select(
            VideoRow.id,
            VideoRow.status,
            VideoRow.progress,
            OutputRow.state,
            OutputRow.progress,
            OutputRow.provider,
        )
        .join(OutputRow, OutputRow.video_id == VideoRow.id)
        .where(VideoRow.id.in_(_padded(sorted(video_ids))), VideoRow.deleted_at.is_(None))
        .order_by(VideoRow.id, OutputRow.index)
    )
    marks: dict[str, Mark] = {}
    for video_id, status, progress, state, done, provider in rows:
        known = marks[video_id].outputs if video_id in marks else ()
        marks[video_id] = Mark(status, progress, (*known, (str(state), done, provider)))
    return marks


def _padded(ids: list[str]) -> list[str]:
    """Repeat the last one up to a power of two: a statement is prepared for every number of parameters."""
    return ids + ids[-1:] * ((1 << (len(ids) - 1).bit_length()) - len(ids))
