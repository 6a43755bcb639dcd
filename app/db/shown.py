"""What a video says of itself, brought in line with its outputs: its state, its facts, and the offers that were taken.

Until an output has ended, size, length and price are those of the offer that was taken, not of the plan's first.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import bindparam, select, update

from app.db import webhooks
from app.db.rows import table_of
from app.db.tables import OutputRow, VideoRow
from app.domain import offers
from app.domain.catalogue import Mode
from app.domain.jobs import State
from app.domain.public_state import OutputState, derive, seconds_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.domain.plain import Json

_Row: TypeAlias = Any  # of some columns

_TAKEN = frozenset({State.RUNNING, State.STORING, State.COMPLETED})

_VIDEO, _OUTPUT = table_of(VideoRow), table_of(OutputRow)
_STATE = select(
    _VIDEO.c.mode,
    _VIDEO.c.size,
    _VIDEO.c.seconds,
    _VIDEO.c.status,
    _VIDEO.c.progress,
    _VIDEO.c.error_code,
    _VIDEO.c.error_message,
    _VIDEO.c.completed_at,
    _VIDEO.c.expires_at,
).where(_VIDEO.c.id == bindparam("of"))
_STATE_AND_OFFERS = _STATE.add_columns(
    _VIDEO.c.order,
    _VIDEO.c.n,
    _VIDEO.c.provider,
    _VIDEO.c.executed_model,
    _VIDEO.c.cost_estimate,
    _VIDEO.c.warnings,
)
_PARTS = (
    select(
        _OUTPUT.c.state,
        _OUTPUT.c.progress,
        _OUTPUT.c.error_code,
        _OUTPUT.c.error_message,
        _OUTPUT.c.width,
        _OUTPUT.c.height,
        _OUTPUT.c.duration,
        _OUTPUT.c.offer,
    )
    .where(_OUTPUT.c.video_id == bindparam("of"))
    .order_by(_OUTPUT.c.index)
)
_CHANGE = update(_VIDEO).where(_VIDEO.c.id == bindparam("of"))


async def put_offers(session: AsyncSession, video_id: str, fitted: Json) -> None:
    """Write down the offers of a locked video anew: its input's length, which is known only now, changed one."""
    video = await session.get_one(VideoRow, video_id, populate_existing=True)
    video.order = {**video.order, "offers": fitted}
    await session.flush()


async def bring_in_line(
    session: AsyncSession, video_id: str, now: float | None, keep: float | None, *, taken: bool = False
) -> None:
    """Derive what a locked video shows from its outputs and store what changed.

    `now` is when the last of them ended; a video that is completed by that expires `keep` seconds later. `taken` says
    that another offer may have been taken.
    """
    video = (await session.execute(_STATE_AND_OFFERS if taken else _STATE, {"of": video_id})).one()
    outputs = (await session.execute(_PARTS, {"of": video_id})).all()
    wanted = _promised(video, outputs) if taken and video.status != State.COMPLETED else {}
    state = derive(
        [OutputState(State(o.state), o.progress, o.error_code, o.error_message) for o in outputs],
        video.progress,
        video.status,
    )
    error_code, error_message = state.error or (None, None)
    ended_at = (video.completed_at or now) if state.terminal else None
    wanted |= {
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
        wanted |= _facts(video.mode, str(wanted.get("seconds", video.seconds)), outputs)
    changed = {name: value for name, value in wanted.items() if getattr(video, name) != value}
    if changed:
        await session.execute(_CHANGE, {"of": video_id, **changed})
    if state.terminal and "status" in changed and now is not None:
        await webhooks.record(session, video_id, now)


def _facts(mode: str, planned: str, outputs: Sequence[_Row]) -> dict[str, object]:
    """Return what replaces the plan once the first finished file is known; `planned` seconds are "0" where none are."""
    first = next((output for output in outputs if output.state == State.COMPLETED), None)
    if first is None or first.duration is None:
        return {}
    facts: dict[str, object] = {"size": f"{first.width}x{first.height}"}
    unplanned = mode in (Mode.EDIT, Mode.EXTEND) or planned == seconds_text(0)
    return facts | ({"seconds": seconds_text(first.duration)} if unplanned else {})


def _promised(video: _Row, outputs: Sequence[_Row]) -> dict[str, object]:
    """Return what the taken offers change of a video that has not ended.

    Its outputs may come from several: the first finished one decides, or else the first one; every one may warn.
    """
    offered = offers.load(video.order["offers"])
    taken = [output for output in outputs if output.state in _TAKEN]
    if not taken or not offered:
        return {}
    planned = [asdict(each) for offer in offered if offer.shown for each in offer.shown.warnings]
    told = [each for each in video.warnings if each not in planned]
    for number in dict.fromkeys(output.offer for output in taken):
        shown = offered[number].shown
        told += [known for each in (shown.warnings if shown else ()) if (known := asdict(each)) not in told]
    wanted: dict[str, object] = {"warnings": told}
    made = next((output for output in taken if output.state == State.COMPLETED), outputs[0])
    offer = offered[made.offer]
    if made.state in _TAKEN and offer.shown:
        wanted |= {
            "provider": offer.provider,
            "executed_model": f"{offer.provider}/{offer.model}",
            "size": offer.shown.size,
            "seconds": offer.shown.seconds,
            "cost_estimate": None if offer.estimate is None else offer.estimate * video.n,
        }
    return wanted
