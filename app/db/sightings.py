"""Sightings: what a look at many videos at once tells of each, so that two looks tell what has changed.

They are read from the outputs that are live, which are few, and not from the videos, which are many: an output that has
ended changes no more, and a video without live ones has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import String, and_, case, literal, null, select, union_all

from app.db.tables import BY_TIME, OutputRow, VideoRow
from app.domain.jobs import LIVE, State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import InstrumentedAttribute

    from app.db.videos import Video

DELETED = "deleted"
_LIVE = OutputRow.state.in_(sorted(LIVE))
_OUTPUT = (OutputRow.index, OutputRow.state, OutputRow.progress, OutputRow.provider)
_END = case((VideoRow.deleted_at.is_not(None), literal(DELETED, String)), else_=VideoRow.status)


class Sighting(NamedTuple):
    """Whose video it is, and the state that was seen: of its live outputs or, where none is left, how it has ended."""

    owner: str
    live: tuple[tuple[int, str, int, str], ...]  # index, state, progress, provider
    end: str | None  # completed, failed or DELETED


def sighting_of(video: Video) -> Sighting:
    """Return what a look would tell of a video that was just read."""
    outputs = [(each.index, each.state, each.progress, each.provider) for each in video.outputs]
    live = tuple(output for output in outputs if State(output[1]) in LIVE)
    return Sighting(video.row.owner, live, None if live else video.row.status)


async def look_at(session: AsyncSession, video_ids: Collection[str]) -> dict[str, Sighting]:
    """Look at some videos, whoever owns them."""
    live = and_(OutputRow.video_id == VideoRow.id, _LIVE)
    named = select(VideoRow.id, VideoRow.owner, _END, *_OUTPUT).outerjoin(OutputRow, live)
    return _seen(await session.execute(named.where(VideoRow.id.in_(video_ids))))


async def look_around(session: AsyncSession, owners: Collection[str] | None, since: float) -> dict[str, Sighting]:
    """Look at these owners' videos (None: everybody's) that are pending or were made at or after `since`.

    Those that were deleted since then are among them, whoever owns them: they are few, and SQLite would go through all
    of an owner's. That is what may have changed; what was pending before and is not among it has ended.
    """
    none = [null().label(column.key) for column in _OUTPUT]
    made_at = BY_TIME if owners is None else VideoRow.created_at
    video = select(VideoRow.id, VideoRow.owner, _END, *none)
    live = select(OutputRow.video_id, OutputRow.owner, null().label("end"), *_OUTPUT)
    parts = (
        live.where(_LIVE, *_of(OutputRow.owner, owners)),
        video.where(made_at >= since, *_of(VideoRow.owner, owners)),
        video.where(VideoRow.deleted_at >= since),
    )
    return _seen(await session.execute(union_all(*parts)))


def _seen(rows: Iterable[Any]) -> dict[str, Sighting]:
    seen: dict[str, Sighting] = {}
    for video_id, owner, end, *output in sorted(rows, key=lambda row: (row[0], row[3] is None, row[3])):
        if output[0] is not None:
            before = seen[video_id].live if video_id in seen else ()
            seen[video_id] = Sighting(owner, (*before, tuple(output)), None)
        elif video_id not in seen:
            seen[video_id] = Sighting(owner, (), end)
    return seen


def _of(column: InstrumentedAttribute[str], owners: Collection[str] | None) -> tuple[ColumnElement[bool], ...]:
    return () if owners is None else (column.in_(sorted(owners)),)
