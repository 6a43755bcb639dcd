"""When what happened to a video's outputs, from the rows that the engine wrote anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from app.db.tables import OutputRow, SubmissionRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession


async def submissions(session: AsyncSession, video_id: str) -> Sequence[tuple[int, SubmissionRow]]:
    """Return every paid request of a video with the index of its output, in their order."""
    statement = (
        select(OutputRow.index, SubmissionRow)
        .join(OutputRow, OutputRow.id == SubmissionRow.output_id)
        .where(OutputRow.video_id == video_id)
        .order_by(SubmissionRow.intent_at, SubmissionRow.id)
    )
    return [(index, row) for index, row in await session.execute(statement)]
