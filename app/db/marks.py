"""Marks: what tells one visible state of a video from the next, read for many videos at once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select, union

from app.db.tables import BY_TIME, OutputRow, VideoRow
from app.domain.jobs import LIVE

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import InstrumentedAttribute

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


class Seen(NamedTuple):
    """Whose video it is, and its mark; None where it was deleted."""

    owner: str
    mark: Mark | None


async def read_marks(session: AsyncSession, video_ids: Collection[str]) -> dict[str, Seen]:
    """Look at some videos, whoever owns them."""
    return await _look(session, VideoRow.id.in_(_padded(sorted(video_ids))))


async def read_recent(session: AsyncSession, owners: Collection[str] | None, since: float) -> dict[str, Seen]:
    """Look at these owners' videos (None: everybody's) that are pending, or were made or deleted at or after `since`.

    That is what may have changed; videos that were pending before and are not among them have ended, or were deleted.
    """
    live = select(OutputRow.video_id).where(OutputRow.state.in_(sorted(LIVE)), *_of(OutputRow.owner, owners))
    made_at = BY_TIME if owners is None else VideoRow.created_at
    made = select(VideoRow.id).where(made_at >= since, *_of(VideoRow.owner, owners))
    deleted = select(VideoRow.id).where(VideoRow.deleted_at >= since, *_of(VideoRow.owner, owners))
    return await _look(session, VideoRow.id.in_(union(live, made, deleted)))


async def _look(session: AsyncSession, which: ColumnElement[bool]) -> dict[str, Seen]:
    rows = await session.execute(
        select(
            VideoRow.id,
            VideoRow.owner,
            VideoRow.deleted_at,
            VideoRow.status,
            VideoRow.progress,
            OutputRow.state,
            OutputRow.progress,
            OutputRow.provider,
        )
        .join(OutputRow, OutputRow.video_id == VideoRow.id)
        .where(which)
        .order_by(VideoRow.id, OutputRow.index)
    )
    seen: dict[str, Seen] = {}
    for video_id, owner, deleted_at, status, progress, state, done, provider in rows:
        known = seen[video_id].mark if video_id in seen else None
        outputs = (*(known.outputs if known else ()), (str(state), done, provider))
        seen[video_id] = Seen(owner, None if deleted_at is not None else Mark(status, progress, outputs))
    return seen


def _of(column: InstrumentedAttribute[str], owners: Collection[str] | None) -> tuple[ColumnElement[bool], ...]:
    return () if owners is None else (column.in_(_padded(sorted(owners))),)


def _padded(ids: list[str]) -> list[str]:
    """Repeat the last one up to a power of two: a statement is prepared for every number of parameters."""
    return ids + ids[-1:] * ((1 << (len(ids) - 1).bit_length()) - len(ids))
