"""Who owns what at a provider: the upstream ids that are known, and the submissions that still look for theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from app.db.tables import OutputRow, SubmissionRow, VideoRow

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession


_UPSTREAM_ID = SubmissionRow.operation["id"].as_string()
_NAMELESS = ("submitting", "resent", "charged")  # phases of what the provider may have, by an id that nobody knows


async def taken(
    session: AsyncSession, submission_id: str, provider: str, endpoint: str, since: float
) -> frozenset[str]:
    """Return the upstream ids that other submissions own, of those that were sent since then (unix seconds)."""
    others = _others(submission_id, provider, endpoint, since)
    found = await session.scalars(select(_UPSTREAM_ID).where(*others, _UPSTREAM_ID.is_not(None)))
    return frozenset(found)


async def may_be_anothers(
    session: AsyncSession, submission_id: str, provider: str, endpoint: str, since: float, upstream_id: str, prompt: str
) -> bool:
    """Say whether another submission owns this upstream id, or may: it said the same, and its fate is unknown.

    It counts as unknown while it is on its way, when it was given up or sent again, and where an operator knows only
    that it was charged. A deleted video's prompt is blank, and counts as any. Asked in one statement, for between two
    of them the other one could be told that the id is its own.
    """
    rows = await session.execute(
        select(_UPSTREAM_ID, VideoRow.order)
        .select_from(SubmissionRow)
        .join(OutputRow, OutputRow.id == SubmissionRow.output_id)
        .join(VideoRow, VideoRow.id == OutputRow.video_id)
        .where(*_others(submission_id, provider, endpoint, since))
        .where(or_(SubmissionRow.phase.in_(_NAMELESS), upstream_id == _UPSTREAM_ID))
    )
    return any(owned == upstream_id or order.get("prompt", prompt) == prompt for owned, order in rows)


def _others(submission_id: str, provider: str, endpoint: str, since: float) -> tuple[ColumnElement[bool], ...]:
    return (
        SubmissionRow.id != submission_id,
        SubmissionRow.provider == provider,
        SubmissionRow.endpoint == endpoint,
        SubmissionRow.intent_at >= since,
    )
