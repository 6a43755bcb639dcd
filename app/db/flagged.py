"""Submissions as operators see them: with the output and the video they were for, whoever owns it.

One is flagged while nobody knows its fate and nothing waits for it any more: its output was given up or cancelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, literal, select, tuple_
from sqlalchemy.orm import aliased

from app.db.settlement import settle
from app.db.tables import OutputRow, SubmissionRow, VideoRow
from app.domain.jobs import State
from app.domain.resolutions import Resolution

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.domain.plain import Json

# What makes a submission flagged. The phase is written out, for only so does a database see that the index of the
# unanswered ones has them all; the state is a subquery, so that SQLite does not begin with every failed output.
_OUTPUT = aliased(OutputRow)
_STATE = select(_OUTPUT.state).where(_OUTPUT.id == SubmissionRow.output_id).correlate(SubmissionRow).scalar_subquery()
_FLAGGED = and_(SubmissionRow.phase == literal("submitting", literal_execute=True), _STATE == State.FAILED)


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission and what it was for."""

    row: SubmissionRow
    output: OutputRow
    video: VideoRow

    @property
    def unknown(self) -> bool:
        """Say whether it is flagged."""
        return self.row.phase == "submitting" and self.output.state == State.FAILED

    @property
    def resolution(self) -> Resolution | None:
        """Return what is known to have become of it, whoever said so."""
        match self.row.phase:
            case "accepted":
                return Resolution("accepted", upstream_id=self.upstream_id)
            case "charged":
                return Resolution("charged", cost=self.row.cost)
            case "not_charged":
                return Resolution("not_charged")
            case _:
                return None

    @property
    def upstream_id(self) -> str | None:
        """Return the provider's own id for it, where that is known."""
        return None if self.row.operation is None else str(self.row.operation.get("id"))


@dataclass(frozen=True, slots=True)
class Page:
    """What a listing asks for: flagged submissions, or all."""

    flagged: bool = True
    after: str | None = None
    limit: int = 20


async def list_page(session: AsyncSession, page: Page) -> tuple[list[Submission], bool]:
    """Return a page of submissions, newest first, and whether more follow; an unknown `after` is the end."""
    statement = _all()
    if page.flagged:
        statement = statement.where(_FLAGGED)
    if page.after is not None:
        cursor = await session.get(SubmissionRow, page.after)
        if cursor is None:
            return [], False
        statement = statement.where(tuple_(SubmissionRow.intent_at, SubmissionRow.id) < (cursor.intent_at, cursor.id))
    statement = statement.order_by(SubmissionRow.intent_at.desc(), SubmissionRow.id.desc())
    rows = (await session.execute(statement.limit(page.limit + 1))).all()
    return [Submission(*row) for row in rows[: page.limit]], len(rows) > page.limit


async def count(session: AsyncSession) -> int:
    """Count the flagged ones, at the cost of those that nobody has answered."""
    return int(await session.scalar(select(func.count()).select_from(SubmissionRow).where(_FLAGGED)) or 0)


async def get(session: AsyncSession, submission_id: str) -> Submission | None:
    """Return one submission as it is now."""
    statement = _all().where(SubmissionRow.id == submission_id).execution_options(populate_existing=True)
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else Submission(*row)


async def owner_of(session: AsyncSession, provider: str, upstream_id: str) -> str | None:
    """Return the id of the submission that owns an upstream id."""
    mine: ColumnElement[bool] = SubmissionRow.operation["id"].as_string() == upstream_id
    return await session.scalar(select(SubmissionRow.id).where(SubmissionRow.provider == provider, mine).limit(1))


async def extend(session: AsyncSession, submission: Submission, deadline: float) -> None:
    """Give the output until `deadline` (unix seconds) to end, at least."""
    submission.output.deadline = max(submission.output.deadline, deadline)
    await session.flush()


async def close(session: AsyncSession, submission: Submission, resolution: Resolution, now: float) -> None:
    """Write down that nothing comes of a flagged submission, and book what it cost. Its video must be locked."""
    row, output = submission.row, submission.output
    row.phase, row.cost, row.answered_at = resolution.outcome, resolution.cost, now
    if resolution.cost is not None:
        output.cost = (output.cost or 0) + resolution.cost
        story: dict[str, Json] = {"provider": row.provider, "outcome": "charged", "code": output.error_code}
        message = "It was charged and is lost, says the operator."
        output.history = [*output.history, {**story, "message": message, "cost": resolution.cost}]
    await session.flush()
    await settle(session, output.id, now)


def _all() -> Select[SubmissionRow, OutputRow, VideoRow]:
    return (
        select(SubmissionRow, OutputRow, VideoRow)
        .join(OutputRow, OutputRow.id == SubmissionRow.output_id)
        .join(VideoRow, VideoRow.id == OutputRow.video_id)
    )
