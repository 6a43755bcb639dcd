"""Outputs: the queue. Claiming, applying transitions, and the submissions that belong to them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select, update

from app.db.tables import OutputRow, SubmissionRow, VideoRow
from app.domain.catalogue import Mode
from app.domain.jobs import LIVE, Job, OutputState, State, VideoState, derive, seconds_text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.domain.jobs import Operation, Transition
    from app.domain.plain import Json
    from app.domain.sizing import ParameterWarning


@dataclass(frozen=True, slots=True)
class Claim:
    """Who claims, when (unix seconds), for how long (seconds) and how many at most."""

    owner: str
    now: float
    lease: float
    limit: int


def _due(states: Collection[State] | None) -> ColumnElement[bool]:
    """Select the rows of a lane: by state, or (None) those that wait for cleanup."""
    return OutputRow.cleanup.is_(True) if states is None else OutputRow.state.in_(sorted(states))


async def claim(session: AsyncSession, states: Collection[State] | None, claim: Claim) -> list[Job]:
    """Take due rows of a lane: lease them and raise their fence."""
    due = (
        select(OutputRow.id)
        .where(
            _due(states),
            OutputRow.run_at <= claim.now,
            or_(OutputRow.lease_until.is_(None), OutputRow.lease_until < claim.now),
        )
        .order_by(OutputRow.run_at)
        .limit(claim.limit)
    )
    rows = (
        await session.scalars(
            update(OutputRow)
            .where(OutputRow.id.in_(due))
            .values(lease_owner=claim.owner, lease_until=claim.now + claim.lease, fence=OutputRow.fence + 1)
            .returning(OutputRow)
            .execution_options(synchronize_session=False, populate_existing=True)
        )
    ).all()
    if not rows:
        return []
    wanted = {row.video_id for row in rows}
    found = await session.execute(select(VideoRow.id, VideoRow.order).where(VideoRow.id.in_(wanted)))
    orders = {video.id: video.order for video in found}
    return [_job(row, orders[row.video_id]) for row in sorted(rows, key=lambda row: row.run_at or 0)]


def _job(row: OutputRow, order: dict[str, Json]) -> Job:
    return Job(
        id=row.id,
        video_id=row.video_id,
        index=row.index,
        state=State(row.state),
        fence=row.fence,
        attempts=row.attempts,
        progress=row.progress,
        provider=row.provider,
        operation=row.operation,
        result=row.result,
        deadline=row.deadline,
        offer=row.offer,
        history=row.history,
        started_at=row.started_at,
        cost=row.cost,
        order=order,
    )


async def next_due(session: AsyncSession, states: Collection[State] | None) -> float | None:
    """Return when the lane's next row may be claimed, in unix seconds, or None."""
    held = func.coalesce(OutputRow.lease_until, 0.0)
    statement = select(func.min(func.max(OutputRow.run_at, held))).where(_due(states), OutputRow.run_at.is_not(None))
    return await session.scalar(statement)


async def apply(session: AsyncSession, transition: Transition) -> VideoState | None:
    """Carry a transition out and bring the video in line; None means that the row is no longer ours."""
    job = transition.job
    result = await session.execute(
        update(OutputRow)
        .where(OutputRow.id == job.id, OutputRow.state == job.state, OutputRow.fence == job.fence)
        .values(state=transition.to, **transition.values)
        .execution_options(synchronize_session=False)
    )
    if result.rowcount == 0:  # type: ignore[attr-defined]  # an UPDATE's result is a CursorResult
        return None
    now = transition.values.get("completed_at")
    return await _bring_in_line(session, job.video_id, now if isinstance(now, float) else None)


async def _bring_in_line(session: AsyncSession, video_id: str, now: float | None) -> VideoState:
    """Derive the video's state from its outputs and store it."""
    video = await session.get_one(VideoRow, video_id, populate_existing=True)
    outputs = (
        await session.scalars(
            select(OutputRow)
            .where(OutputRow.video_id == video_id)
            .order_by(OutputRow.index)
            .execution_options(populate_existing=True)
        )
    ).all()
    state = derive(
        [OutputState(State(o.state), o.progress, o.error_code, o.error_message) for o in outputs],
        video.progress,
        video.status,
    )
    video.status, video.progress = state.status, state.progress
    if state.error:
        video.error_code, video.error_message = state.error
    if state.terminal and video.completed_at is None:
        video.completed_at = now
        _show_facts(video, outputs)
    await session.flush()
    return state


def _show_facts(video: VideoRow, outputs: Sequence[OutputRow]) -> None:
    """Replace what was planned by what the first finished file says."""
    first = next((output for output in outputs if output.state == State.COMPLETED), None)
    if first is None or first.duration is None:
        return
    video.size = f"{first.width}x{first.height}"
    if video.mode in (Mode.EDIT, Mode.EXTEND):
        video.seconds = seconds_text(first.duration)


async def add_warnings(session: AsyncSession, video_id: str, warnings: Sequence[ParameterWarning]) -> None:
    """Add to what the client is told, each thing once."""
    if warnings:
        video = await session.get_one(VideoRow, video_id, populate_existing=True)
        told = [asdict(warning) for warning in warnings]
        video.warnings = [*video.warnings, *(each for each in told if each not in video.warnings)]
        await session.flush()


async def cancel(session: AsyncSession, video_id: str, now: float) -> bool:
    """End every live output of a video as cancelled; returns whether there was one.

    The fence rises, so a step that is under way finds itself overtaken; `cleanup` ends the rest upstream.
    """
    live = select(OutputRow).where(OutputRow.video_id == video_id, OutputRow.state.in_(sorted(LIVE)))
    rows = (await session.scalars(live.execution_options(populate_existing=True))).all()
    for row in rows:
        known = (row.result or {}).get("cost")  # it was made and charged, and only not stored yet
        cost = known if isinstance(known, int) else None
        story: dict[str, Json] = {"provider": row.provider, "outcome": "cancelled", "code": "cancelled"}
        row.history = [*row.history, {**story, "message": None, "cost": cost}]
        row.cost = row.cost if cost is None else (row.cost or 0) + cost
        row.state, row.error_code, row.error_message = State.FAILED, "cancelled", "The video was cancelled."
        row.completed_at, row.run_at, row.lease_owner, row.lease_until = now, now, None, None
        row.fence += 1
        row.cleanup = True
    if not rows:
        return False
    await session.flush()
    await _bring_in_line(session, video_id, now)
    return True


async def clean_up_later(session: AsyncSession, video_id: str, now: float) -> None:
    """Ask the cleanup lane to look at every output of a video, again where it is looking now."""
    await session.execute(
        update(OutputRow)
        .where(OutputRow.video_id == video_id)
        .values(cleanup=True, run_at=now, fence=OutputRow.fence + 1, lease_owner=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )


async def cleaned(session: AsyncSession, job: Job) -> None:
    """Note that nothing of a terminal output is left to clean up."""
    await session.execute(
        update(OutputRow)
        .where(OutputRow.id == job.id, OutputRow.fence == job.fence)
        .values(cleanup=False, run_at=None, lease_owner=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What decides what of a terminal output may go: is its video all ended, was it deleted, where is its media."""

    ended: bool
    deleted: bool
    media_key: str | None


async def leftovers(session: AsyncSession, job: Job) -> Leftovers:
    """Look at a terminal output and its video."""
    video = await session.get_one(VideoRow, job.video_id)
    output = await session.get_one(OutputRow, job.id)
    live = await session.scalar(
        select(OutputRow.id).where(OutputRow.video_id == job.video_id, OutputRow.state.in_(sorted(LIVE))).limit(1)
    )
    return Leftovers(live is None, video.deleted_at is not None, output.media_key)


async def live_ids(session: AsyncSession) -> tuple[set[str], set[str]]:
    """Return the ids of every output that has not ended, and of their videos."""
    live = select(OutputRow.id, OutputRow.video_id).where(OutputRow.state.in_(sorted(LIVE)))
    rows = (await session.execute(live)).all()
    return {row.id for row in rows}, {row.video_id for row in rows}


async def give_back(session: AsyncSession, job: Job, run_at: float) -> None:
    """Hand a row back after a step that went wrong, in whatever state the step has left it."""
    await session.execute(
        update(OutputRow)
        .where(OutputRow.id == job.id, OutputRow.fence == job.fence)
        .values(run_at=run_at, lease_owner=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )


async def renew(session: AsyncSession, owner: str, ids: Collection[str], until: float) -> None:
    """Extend the leases that `owner` holds on the rows it is really working on."""
    await session.execute(
        update(OutputRow)
        .where(OutputRow.lease_owner == owner, OutputRow.id.in_(ids))
        .values(lease_until=until)
        .execution_options(synchronize_session=False)
    )


async def release(session: AsyncSession, owner: str | None = None) -> None:
    """Hand back the leases of `owner`, or of everybody: on one node nobody else can be alive at the start."""
    statement = update(OutputRow).where(OutputRow.lease_owner.is_not(None))
    if owner is not None:
        statement = statement.where(OutputRow.lease_owner == owner)
    await session.execute(
        statement.values(lease_owner=None, lease_until=None).execution_options(synchronize_session=False)
    )


async def begin_submission(session: AsyncSession, job: Job, submission_id: str, endpoint: str, now: float) -> None:
    """Write the intent to pay; the id travels to the provider."""
    row = SubmissionRow(
        id=submission_id,
        output_id=job.id,
        attempt=job.attempts + 1,
        provider=job.provider,
        endpoint=endpoint,
        phase="submitting",
        operation=None,
        error=None,
        intent_at=now,
        answered_at=None,
    )
    session.add(row)
    await session.flush()


async def last_submission(session: AsyncSession, job: Job) -> SubmissionRow | None:
    """Return the output's newest submission."""
    statement = select(SubmissionRow).where(SubmissionRow.output_id == job.id).order_by(SubmissionRow.attempt.desc())
    return (await session.scalars(statement.limit(1))).first()


@dataclass(frozen=True, slots=True)
class FoundSubmission:
    """A submission and where it went."""

    provider: str
    endpoint: str


async def find_submission(session: AsyncSession, submission_id: str) -> FoundSubmission | None:
    """Return where a submission went."""
    row = await session.get(SubmissionRow, submission_id)
    return None if row is None else FoundSubmission(row.provider, row.endpoint)


async def take_callback(
    session: AsyncSession, submission_id: str, upstream_id: str, operation: Operation, now: float
) -> str | None:
    """Act on a genuine callback and say what it did, or None when it belongs to no job of ours.

    An output that waits for the submit's answer is adopted; a running one is due now; anything else stays as it is.
    """
    row = await session.get_one(SubmissionRow, submission_id)
    if row.operation is not None and row.operation.get("id") != upstream_id:
        return None
    output = await session.get_one(OutputRow, row.output_id, populate_existing=True)
    if row.operation is None and row.phase == "submitting" and output.state == State.SUBMITTING:
        row.phase, row.operation, row.answered_at = "accepted", operation, now
        output.state, output.operation, output.started_at = State.RUNNING, operation, now
        output.run_at, output.lease_owner, output.lease_until = now, None, None
        output.fence += 1
        await session.flush()
        await _bring_in_line(session, output.video_id, None)
        return "adopted"
    if output.state == State.RUNNING:
        output.run_at = now
        await session.flush()
        return "due now"
    return "nothing"


async def answer_submission(
    session: AsyncSession, submission_id: str, now: float, *, operation: Operation | None, error: str | None = None
) -> None:
    """Write down what the provider said: accepted with its handle, or refused with its words.

    If the output was cancelled meanwhile, it learns the handle too, so that cleanup can cancel upstream.
    """
    row = await session.get_one(SubmissionRow, submission_id)
    row.phase = "refused" if operation is None else "accepted"
    row.operation, row.error, row.answered_at = operation, error, now
    await session.flush()
    if operation is not None:
        await session.execute(
            update(OutputRow)
            .where(OutputRow.id == row.output_id, OutputRow.state == State.FAILED)
            .values(operation=operation, cleanup=True, run_at=now)
            .execution_options(synchronize_session=False)
        )
