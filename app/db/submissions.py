"""Submissions: what was sent to a provider to be paid for, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, insert, select, update

from app.db import outputs
from app.db.rows import table_of, values_of
from app.db.tables import OutputRow, SubmissionRow, VideoRow
from app.domain import jobs, told
from app.domain.jobs import UNKNOWN, Origin, State

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.domain.jobs import Job, Operation

_FIRST_POLL_SECONDS = 0.25  # what a provider refuses after accepting it, it often refuses at once

_SUBMISSION, _OUTPUT, _VIDEO = table_of(SubmissionRow), table_of(OutputRow), table_of(VideoRow)
_ADD = insert(_SUBMISSION)
_ANSWERED = update(_SUBMISSION).where(_SUBMISSION.c.id == bindparam("of"))
_FAILED = update(_SUBMISSION).where(
    _SUBMISSION.c.output_id == bindparam("of"), _SUBMISSION.c.attempt == bindparam("which")
)
_VIDEO_OF = (
    select(_OUTPUT.c.video_id)
    .join_from(_SUBMISSION, _OUTPUT, _OUTPUT.c.id == _SUBMISSION.c.output_id)
    .where(_SUBMISSION.c.id == bindparam("of"))
)
_other = _SUBMISSION.alias()
_NEWEST = (
    select(_other.c.id)
    .where(_other.c.output_id == _OUTPUT.c.id)
    .order_by(_other.c.attempt.desc())
    .limit(1)
    .scalar_subquery()
)
_SENT = (
    select(
        _OUTPUT,
        _SUBMISSION.c.operation.label("known"),
        _SUBMISSION.c.phase,
        _SUBMISSION.c.answered_at,
        _NEWEST.label("newest"),
        *(_VIDEO.c[name] for name in ("created_at", "order", "deleted_at", "request_id", "traceparent")),
    )
    .join_from(_SUBMISSION, _OUTPUT, _OUTPUT.c.id == _SUBMISSION.c.output_id)
    .join(_VIDEO, _VIDEO.c.id == _OUTPUT.c.video_id)
    .where(_SUBMISSION.c.id == bindparam("of"))
    .with_for_update(of=_OUTPUT)
)
_DUE = update(_OUTPUT).where(_OUTPUT.c.id == bindparam("of"))


async def begin(session: AsyncSession, job: Job, submission_id: str, endpoint: str, now: float) -> None:
    """Write the intent to pay; the id travels to the provider."""
    row = SubmissionRow(
        id=submission_id,
        output_id=job.id,
        attempt=job.attempts + 1,
        provider=job.provider,
        endpoint=endpoint,
        phase="submitting",
        intent_at=now,
    )
    await session.execute(_ADD, values_of(row))


async def last(session: AsyncSession, output_id: str) -> SubmissionRow | None:
    """Return the output's newest submission."""
    statement = select(SubmissionRow).where(SubmissionRow.output_id == output_id).order_by(SubmissionRow.attempt.desc())
    return (await session.scalars(statement.limit(1).execution_options(populate_existing=True))).first()


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a submission went."""

    provider: str
    endpoint: str


async def destination(session: AsyncSession, submission_id: str) -> Destination | None:
    """Return where a submission went, or None if there is no such submission."""
    row = await session.get(SubmissionRow, submission_id)
    return None if row is None else Destination(row.provider, row.endpoint)


async def refuse(session: AsyncSession, submission_id: str, error: str, now: float, *, unsent: bool = False) -> None:
    """Write down that the provider did not take it, or that it never left (`unsent`), in the words of `error`."""
    phase = "unsent" if unsent else "refused"
    await session.execute(_ANSWERED, {"of": submission_id, "phase": phase, "error": error, "answered_at": now})


async def fail(session: AsyncSession, job: Job, code: str, now: float) -> None:
    """Write down that the provider failed at what it had taken last, with one of FAILURES, and another is tried."""
    await session.execute(_FAILED, {"of": job.id, "which": job.attempts, "failed_at": now, "failure": code})


async def send_again(session: AsyncSession, submission_id: str, now: float) -> None:
    """Write down that nobody waits for its answer any more, for another one is sent: the provider may have both."""
    values = {"phase": "resent", "error": "unknown, sent again", "answered_at": now}
    await session.execute(_ANSWERED, {"of": submission_id, **values})


async def accept(
    session: AsyncSession, submission_id: str, operation: Operation, now: float, *, ended: bool = False
) -> str | None:
    """Write down that the provider has taken it, whoever says so: its answer, a callback, a listing, an operator.

    `ended` notes that by the provider's word the job has ended, too: it is asked for the result.

    Returns what that did, or None where `operation` is not the one we know. An output that waits for this very answer
    runs from now on, one that was given up as unknown too; what runs already is due now; for one that has ended,
    cleanup ends the rest upstream and books what it cost.
    """
    video_id = (await session.execute(_VIDEO_OF, {"of": submission_id})).scalar_one()
    await outputs.lock_video(session, video_id)
    # The output is locked against a claim, too, which raises the fence by which it is changed below.
    row = (await session.execute(_SENT, {"of": submission_id})).mappings().one()
    known, state = row["known"], row["state"]
    if known is not None and known.get("id") != operation.get("id"):
        return None
    if row["phase"] == "charged":  # an operator has booked it as lost: that was the last word
        return "nothing"
    handle = known or operation
    handle = told.told(handle) if ended else handle
    answer = {"phase": "accepted", "operation": handle, "answered_at": row["answered_at"] or now}
    await session.execute(_ANSWERED, {"of": submission_id, **answer})
    if row["newest"] != submission_id:
        return "nothing" if known else "superseded"
    lost = state == State.FAILED and row["error_code"] == UNKNOWN and row["deleted_at"] is None
    if state == State.SUBMITTING or (lost and not known):
        job = outputs.job_of(row, row["created_at"], row["order"], Origin(row["request_id"], row["traceparent"]))
        first = now if ended else now + _FIRST_POLL_SECONDS
        if not await outputs.apply(session, jobs.accepted(job, handle, now, first)):
            raise RuntimeError(f"output {job.id} changed under its lock")
        return "adopted" if lost else "accepted"
    if state == State.RUNNING or (state == State.FAILED and (row["cleanup"] or not known)):
        # The fence rises: what is being asked just now may be answered with what was true before.
        due = jobs.Released(now, {"operation": handle, "cleanup": state == State.FAILED, "fence": row["fence"] + 1})
        await session.execute(_DUE, {"of": row["id"], **due.values()})
        return "due now"
    return "nothing"
