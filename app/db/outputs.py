"""Outputs: the queue. Claiming, applying transitions, cancelling, cleaning up.

Whoever changes outputs locks their video first, so that two replicas which end two outputs of one video do not both
think that the other is still live.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, func, or_, select, update

from app.db.leases import Leases
from app.db.rows import table_of, values_of
from app.db.session import ALONE, will_change
from app.db.settlement import settle
from app.db.shown import bring_in_line
from app.db.tables import OutputRow, VideoRow
from app.domain.jobs import LIVE, UNKNOWN_ORIGIN, Job, Origin, State, charged
from app.domain.public_state import public_status

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, RowMapping, Select
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.sql.dml import ReturningUpdate

    from app.db.leases import Claim
    from app.domain.jobs import Transition
    from app.domain.plain import Json
    from app.domain.sizing import ParameterWarning


_LONGEST_REST = 660.0  # seconds: what a provider may ask for, and the longest pause of our own
LEASES = Leases(OutputRow, _LONGEST_REST, moments=("deadline",))


_TOLD = ("progress", "provider", "history")  # of an output, in its video's answer, beside its state
_OUTPUT, _VIDEO = table_of(OutputRow), table_of(VideoRow)
_OF_JOB = {each.name for each in fields(Job)} & {column.key for column in _OUTPUT.c} - {"state"}
_ORDERS = select(_VIDEO.c.id, _VIDEO.c.created_at, _VIDEO.c.order, _VIDEO.c.request_id, _VIDEO.c.traceparent).where(
    _VIDEO.c.id.in_(bindparam("wanted", expanding=True))
)
_LOCK = select(_VIDEO.c.id).where(_VIDEO.c.id == bindparam("of")).with_for_update()
_CHANGE = update(_OUTPUT).where(
    _OUTPUT.c.id == bindparam("of"), _OUTPUT.c.state == bindparam("was"), _OUTPUT.c.fence == bindparam("under")
)


@cache
def _due(states: frozenset[State] | None, *, spares: bool) -> ColumnElement[bool]:
    """Select the rows of a lane that nobody holds: by state, and of ended ones (None: any) those to be cleaned up."""
    lane: list[ColumnElement[bool]] = [] if states is None else [_OUTPUT.c.state.in_(sorted(states))]
    if states is None or not LIVE.issuperset(states):
        lane.append(_OUTPUT.c.cleanup.is_(True))
    unheld = or_(_OUTPUT.c.lease_until.is_(None), _OUTPUT.c.lease_until < bindparam("now"))
    others = (_OUTPUT.c.owner.not_in(bindparam("spared", expanding=True)),) if spares else ()
    return and_(*lane, unheld, *others)


@cache
def _next(states: frozenset[State] | None, *, spares: bool) -> Select[float | None]:
    return select(func.min(_OUTPUT.c.run_at)).where(_due(states, spares=spares), _OUTPUT.c.run_at.is_not(None))


@cache
def _take(states: frozenset[State] | None, *, spares: bool) -> ReturningUpdate[Any]:
    due = (
        select(_OUTPUT.c.id)
        .where(_due(states, spares=spares), _OUTPUT.c.run_at <= bindparam("now"))
        .order_by(_OUTPUT.c.run_at)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)  # Postgres: what another replica is claiming is not waited for
        .cte("due")  # a fence for the planner, which may exceed the limit of a subquery
    )
    lease = {"lease_owner": bindparam("holder"), "lease_until": bindparam("until"), "fence": _OUTPUT.c.fence + 1}
    return update(_OUTPUT).where(_OUTPUT.c.id.in_(select(due.c.id))).values(lease).returning(*_OUTPUT.c)


async def claim(session: AsyncSession, states: Collection[State] | None, claim: Claim) -> list[Job]:
    """Take due rows of a lane: lease them and raise their fence."""
    taken = _take(None if states is None else frozenset(states), spares=bool(claim.spared))
    lease = {"holder": claim.owner, "until": claim.now + claim.lease, "most": claim.limit}
    rows = (await session.execute(taken, {**_asked(claim), **lease})).mappings().all()
    if not rows:
        return []
    found = await session.execute(_ORDERS, {"wanted": list({row["video_id"] for row in rows})})
    videos = {video.id: (video.created_at, video.order, Origin(video.request_id, video.traceparent)) for video in found}
    rows = sorted(rows, key=lambda row: (row["run_at"] or 0, row["index"]))
    return [job_of(row, *videos[row["video_id"]]) for row in rows]


def job_of(
    row: OutputRow | RowMapping, created_at: float, order: dict[str, Json], origin: Origin = UNKNOWN_ORIGIN
) -> Job:
    """Show a row as the engine knows it."""
    told = values_of(row) if isinstance(row, OutputRow) else row
    facts = {name: told[name] for name in _OF_JOB}
    return Job(
        **facts,
        state=State(told["state"]),
        error=told["error_code"],
        created_at=created_at,
        order=order,
        origin=origin,
    )


async def next_due(session: AsyncSession, states: Collection[State] | None, claim: Claim) -> float | None:
    """Return when the lane's next row that `claim` may take is due, in unix seconds, or None."""
    statement = _next(None if states is None else frozenset(states), spares=bool(claim.spared))
    due: float | None = await session.scalar(statement, _asked(claim))
    return due


def _asked(claim: Claim) -> dict[str, Any]:
    return {"now": claim.now, **({"spared": sorted(claim.spared)} if claim.spared else {})}


async def lock_video(session: AsyncSession, video_id: str) -> None:
    """See to it that nobody else changes a video or its outputs until this transaction ends, and that this is told."""
    will_change(session, video_id)
    if not session.info.get(ALONE):
        await session.execute(_LOCK, {"of": video_id})


async def apply(session: AsyncSession, transition: Transition, keep: float | None = None) -> bool:
    """Carry a transition out and bring the video in line; False means that the row is no longer ours.

    A video that is completed by it expires `keep` seconds later (None: never).
    """
    job, values = transition.job, transition.values
    seen = public_status(transition.to) != public_status(job.state) or any(
        values.get(name, getattr(job, name)) != getattr(job, name) for name in _TOLD
    )
    if seen:  # else it changes nothing that the video shows
        await lock_video(session, job.video_id)
    which = {"of": job.id, "was": job.state, "under": job.fence}
    result = await session.execute(_CHANGE, {**which, "state": transition.to, **values})
    if result.rowcount == 0:  # type: ignore[attr-defined]  # an UPDATE's result is a CursorResult
        return False
    if seen:
        now = values.get("completed_at")
        taken = transition.to is not job.state and transition.to in (State.RUNNING, State.COMPLETED)
        await bring_in_line(session, job.video_id, now if isinstance(now, float) else None, keep, taken=taken)
    if (transition.to in LIVE) != (job.state in LIVE):
        now = values["started_at" if transition.to in LIVE else "completed_at"]  # found to go on after all, or ended
        await settle(session, job.id, now if isinstance(now, float) else job.created_at)
    return True


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


async def cleaned(session: AsyncSession, job: Job) -> bool:
    """Note that nothing of a terminal output is left to clean up; False means that the row is no longer ours."""
    will_change(session, job.video_id)  # whoever waits for pictures
    result = await session.execute(
        update(OutputRow)
        .where(OutputRow.id == job.id, OutputRow.fence == job.fence)
        .values(cleanup=False, run_at=None, lease_owner=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result is a CursorResult


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
    """Return the ids of outputs that have not ended or are to be cleaned up, and the videos of those that have not."""
    live = select(OutputRow.id, OutputRow.video_id).where(OutputRow.state.in_(sorted(LIVE)))
    rows = (await session.execute(live)).all()
    ended = await session.scalars(select(OutputRow.id).where(OutputRow.cleanup.is_(True)))
    return {row.id for row in rows} | set(ended), {row.video_id for row in rows}
