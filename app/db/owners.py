"""Who owns what at a provider: the upstream ids that are known, and the submissions that still look for theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from app.db.tables import OutputRow, SubmissionRow, VideoRow

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession


async def taken(
    session: AsyncSession, submission_id: str, provider: str, endpoint: str, since: float
) -> frozenset[str]:
    """Return the upstream ids that other submissions own, of those that were sent since then (unix seconds)."""
    upstream_id = SubmissionRow.operation["id"].as_string()
    others = _others(submission_id, provider, endpoint, since)
    found = await session.scalars(select(upstream_id).where(*others, upstream_id.is_not(None)))
    return frozenset(found)


async def looked_for_alike(
    session: AsyncSession, submission_id: str, provider: str, endpoint: str, since: float, prompt: str
) -> bool:
    """Say whether the fate of another submission with this prompt is unknown, be it given up or on its way just now.

    A deleted video's prompt is blank, and counts as any.
    """
    orders = await session.scalars(
        select(VideoRow.order)
        .join(OutputRow, OutputRow.video_id == VideoRow.id)
        .join(SubmissionRow, SubmissionRow.output_id == OutputRow.id)
        .where(*_others(submission_id, provider, endpoint, since), SubmissionRow.phase == "submitting")
    )
    return any(order.get("prompt", prompt) == prompt for order in orders)


def _others(submission_id: str, provider: str, endpoint: str, since: float) -> tuple[ColumnElement[bool], ...]:
    return (
        SubmissionRow.id != submission_id,
        SubmissionRow.provider == provider,
        SubmissionRow.endpoint == endpoint,
        SubmissionRow.intent_at >= since,
    )
