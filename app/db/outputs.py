"""Outputs: the queue. Claiming, applying transitions, cancelling, cleaning up.

Whoever changes outputs locks their video first, so that two replicas which end two outputs of one video do not both
think that the other is still live.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, select, update

from app.db import webhooks
from app.db.leases import Leases
from app.db.session import will_change
from app.db.settlement import settle
from app.db.shown import show_offers
from app.db.tables import OutputRow, VideoRow
from app.domain.catalogue import Mode
from app.domain.jobs import LIVE, UNKNOWN_ORIGIN, Job, Origin, OutputState, State, charged, derive, seconds_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.leases import Claim
    from app.domain.jobs import Transition
    from app.domain.plain import Json
    from app.domain.sizing import ParameterWarning


_LONGEST_REST = 660.0  # seconds: what a provider may ask for, and the longest pause of our own
LEASES = Leases(OutputRow, _LONGEST_REST, moments=("deadline",))


_TOLD = ("progress", "provider", "history")  # of an output, in its video's answer, beside its state
_SHOWN = (
    VideoRow.mode,
    VideoRow.size,
    VideoRow.seconds,
    VideoRow.status,
    VideoRow.progress,
    VideoRow.error_code,
    VideoRow.error_message,
    VideoRow.completed_at,
    VideoRow.expires_at,
)
_PARTS = (
    OutputRow.state,
    OutputRow.progress,
    OutputRow.error_code,
    OutputRow.error_message,
    OutputRow.width,
    OutputRow.height,
    OutputRow.duration,
)


def _due(states: Collection[State] | None, claim: Claim) -> ColumnElement[bool]:
    """Select the rows of a lane that nobody holds: by state, or (None) those that wait for cleanup."""
    lane = OutputRow.cleanup.is_(True) if states is None else OutputRow.state.in_(sorted(states))
    others = (OutputRow.owner.not_in(sorted(claim.spared)),) if claim.spared else ()
    return and_(lane, LEASES.unheld(claim.now), *others)


async def claim(session: AsyncSession, states: Collection[State] | None, claim: Claim) -> list[Job]:
    """Take due rows of a lane: lease them and raise their fence."""
    due = (
        select(OutputRow.id)
        .where(_due(states, claim), OutputRow.run_at <= claim.now)
        .order_by(OutputRow.run_at)
        .limit(claim.limit)
        .with_for_update(skip_locked=True)  # Postgres: what another replica is claiming is not waited for
        .cte("due")  # a fence for the planner, which may exceed the limit of a subquery
    )
    rows = (
        await session.scalars(
            update(OutputRow)
            .where(OutputRow.id.in_(select(due.c.id)))
            .values(lease_owner=claim.owner, lease_until=claim.now + claim.lease, fence=OutputRow.fence + 1)
            .returning(OutputRow)
            .execution_options(synchronize_session=False, populate_existing=True)
        )
    ).all()
    if not rows:
        return []
    wanted = {row.video_id for row in rows}
    found = await session.execute(
        select(VideoRow.id, VideoRow.created_at, VideoRow.order, VideoRow.request_id, VideoRow.traceparent).where(
            VideoRow.id.in_(wanted)
        )
    )
    videos = {video.id: (video.created_at, video.order, Origin(video.request_id, video.traceparent)) for video in found}
    return [job_of(row, *videos[row.video_id]) for row in sorted(rows, key=lambda row: (row.run_at or 0, row.index))]


def job_of(row: OutputRow, created_at: float, order: dict[str, Json], origin: Origin = UNKNOWN_ORIGIN) -> Job:
    """Show a row as the engine knows it."""
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
        error=row.error_code,
        created_at=created_at,
        order=order,
        run_at=row.run_at,
        owner=row.owner,
        origin=origin,
    )


async def next_due(session: AsyncSession, states: Collection[State] | None, claim: Claim) -> float | None:
    """Return when the lane's next row that `claim` may take is due, in unix seconds, or None."""
    statement = select(func.min(OutputRow.run_at)).where(_due(states, claim), OutputRow.run_at.is_not(None))
    return await session.scalar(statement)


async def lock_video(session: AsyncSession, video_id: str) -> None:
    """See to it that nobody else changes a video or its outputs until this transaction ends, and that this is told."""
    will_change(session, video_id)
    await session.execute(select(VideoRow.id).where(VideoRow.id == video_id).with_for_update())


async def apply(session: AsyncSession, transition: Transition, keep: float | None = None) -> bool:
    """Carry a transition out and bring the video in line; False means that the row is no longer ours.

    A video that is completed by it expires `keep` seconds later (None: never).
    """
    job, values = transition.job, transition.values
    as_before = all(values.get(name, getattr(job, name)) == getattr(job, name) for name in _TOLD)
    waits = transition.to is job.state and as_before
    if not waits:  # what only waits on changes nothing that the video shows
        await lock_video(session, job.video_id)
    result = await session.execute(
        update(OutputRow)
        .where(OutputRow.id == job.id, OutputRow.state == job.state, OutputRow.fence == job.fence)
        .values(state=transition.to, **values)
        .execution_options(synchronize_session=False)
    )
    if result.rowcount == 0:  # type: ignore[attr-defined]  # an UPDATE's result is a CursorResult
        return False
    if transition.to is not job.state and transition.to in (State.RUNNING, State.COMPLETED):
        await show_offers(session, job.video_id)
    if not waits:
        now = values.get("completed_at")
        await bring_in_line(session, job.video_id, now if isinstance(now, float) else None, keep)
    if (transition.to in LIVE) != (job.state in LIVE):
        now = values["started_at" if transition.to in LIVE else "completed_at"]  # found to go on after all, or ended
        await settle(session, job.id, now if isinstance(now, float) else job.created_at)
    return True


async def bring_in_line(session: AsyncSession, video_id: str, now: float | None, keep: float | None) -> None:
    """Derive a locked video's state from its outputs and store what changed; `now` is when the last of them ended."""
    video = (await session.execute(select(*_SHOWN).where(VideoRow.id == video_id))).one()
    ended = select(*_PARTS).where(OutputRow.video_id == video_id).order_by(OutputRow.index)
    outputs = (await session.execute(ended)).all()
    state = derive(
        [OutputState(State(o.state), o.progress, o.error_code, o.error_message) for o in outputs],
        video.progress,
        video.status,
    )
    error_code, error_message = state.error or (None, None)
    ended_at = (video.completed_at or now) if state.terminal else None
    wanted = {
        "status": state.status,
        "progress": state.progress,
        "error_code": error_code,
        "error_message": error_message,
        "completed_at": ended_at,
    }
    if state.status != "completed":
        wanted["expires_at"] = None
    elif video.status != "completed" and ended_at and keep:
        wanted["expires_at"] = ended_at + keep
    if state.terminal and video.completed_at is None:
        wanted |= _facts(video.mode, video.seconds, outputs)
    changed = {name: value for name, value in wanted.items() if getattr(video, name, None) != value}
    if changed:
        await session.execute(
            update(VideoRow)
            .where(VideoRow.id == video_id)
            .values(**changed)
            .execution_options(synchronize_session="fetch")
        )
    if state.terminal and "status" in changed and now is not None:
        await webhooks.record(session, video_id, now)


def _facts(mode: str, planned: str, outputs: Iterable[Any]) -> dict[str, str]:
    """Return what replaces the plan once the first finished file is known; `planned` seconds are "0" where none are."""
    first = next((output for output in outputs if output.state == State.COMPLETED), None)
    if first is None or first.duration is None:
        return {}
    facts = {"size": f"{first.width}x{first.height}"}
    unplanned = mode in (Mode.EDIT, Mode.EXTEND) or planned == seconds_text(0)
    return facts | ({"seconds": seconds_text(first.duration)} if unplanned else {})


async def add_warnings(session: AsyncSession, video_id: str, warnings: Sequence[ParameterWarning]) -> None:
    """Add to what the client is told, each thing once."""
    if warnings:
        await lock_video(session, video_id)
        video = await session.get_one(VideoRow, video_id, populate_existing=True)
        told = [asdict(warning) for warning in warnings]
        video.warnings = [*video.warnings, *(each for each in told if each not in video.warnings)]
        await session.flush()


async def cancel(session: AsyncSession, video_id: str, now: float, keep: float | None = None) -> int:
    """End every live output of a video as cancelled; returns how many there were. For `keep`, see `apply`.

    The fence rises, so a step that is under way finds itself overtaken; `cleanup` ends the rest upstream.
    """
    await lock_video(session, video_id)
    live = select(OutputRow).where(OutputRow.video_id == video_id, OutputRow.state.in_(sorted(LIVE)))
    rows = (await session.scalars(live.with_for_update().execution_options(populate_existing=True))).all()
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
        return 0
    await session.flush()
    await bring_in_line(session, video_id, now, keep)
    for row in rows:
        await settle(session, row.id, now)
    return len(rows)


async def clean_up_later(session: AsyncSession, video_id: str, now: float) -> None:
    """Ask the cleanup lane to look at every output of a video, again where it is looking now."""
    await session.execute(
        update(OutputRow)
        .where(OutputRow.video_id == video_id)
        .values(cleanup=True, run_at=now, fence=OutputRow.fence + 1, lease_owner=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )


async def book(session: AsyncSession, job: Job, cost: int | None, story: dict[str, Json], now: float) -> None:
    """Add a charge (micro-dollars) that came to light after an output had failed, and the attempt it was for.

    A provider that does not tell (None) is taken to have charged what was estimated.
    """
    await lock_video(session, job.video_id)
    await session.execute(
        update(OutputRow)
        .where(OutputRow.id == job.id, OutputRow.fence == job.fence, OutputRow.state == State.FAILED)
        .values(cost=OutputRow.estimate if cost is None else charged(job, cost), history=[*job.history, story])
        .execution_options(synchronize_session=False)
    )
    await settle(session, job.id, now)


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
    """What decides what of a terminal output may go: has its video ended, was it deleted, when does it expire."""

    ended: bool
    deleted: bool
    expires_at: float | None
    media_key: str | None


async def leftovers(session: AsyncSession, job: Job) -> Leftovers:
    """Look at a terminal output and its video."""
    video = await session.get_one(VideoRow, job.video_id)
    output = await session.get_one(OutputRow, job.id)
    live = await session.scalar(
        select(OutputRow.id).where(OutputRow.video_id == job.video_id, OutputRow.state.in_(sorted(LIVE))).limit(1)
    )
    return Leftovers(live is None, video.deleted_at is not None, video.expires_at, output.media_key)


async def live_ids(session: AsyncSession) -> tuple[set[str], set[str]]:
    """Return the ids of every output that has not ended, and of their videos."""
    live = select(OutputRow.id, OutputRow.video_id).where(OutputRow.state.in_(sorted(LIVE)))
    rows = (await session.execute(live)).all()
    return {row.id for row in rows}, {row.video_id for row in rows}
