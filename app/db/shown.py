"""A video's offers, and what the client is told of what is really made: not the plan's facts, but the taken offer's."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import select

from app.db.tables import OutputRow, VideoRow
from app.domain import offers
from app.domain.jobs import State

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.domain.plain import Json

_TAKEN = frozenset({State.RUNNING, State.STORING, State.COMPLETED})


async def put_offers(session: AsyncSession, video_id: str, fitted: Json) -> None:
    """Write down the offers of a locked video anew: its input's length, which is known only now, changed one."""
    video = await session.get_one(VideoRow, video_id, populate_existing=True)
    video.order = {**video.order, "offers": fitted}
    await session.flush()


async def show_offers(session: AsyncSession, video_id: str) -> None:
    """Bring what a locked video says of size, length, price and warnings in line with the offers that were taken.

    Its outputs may come from several: the first finished one decides, or else the first one; every one may warn.
    """
    video = await session.get_one(VideoRow, video_id, populate_existing=True)
    offered = offers.load(video.order["offers"])
    rows = (
        await session.execute(
            select(OutputRow.state, OutputRow.offer).where(OutputRow.video_id == video_id).order_by(OutputRow.index)
        )
    ).all()
    taken = [row for row in rows if row.state in _TAKEN]
    if not taken or not offered or video.status == State.COMPLETED:
        return
    planned = [asdict(each) for offer in offered if offer.shown for each in offer.shown.warnings]
    told = [each for each in video.warnings if each not in planned]
    for number in dict.fromkeys(row.offer for row in taken):
        shown = offered[number].shown
        told += [known for each in (shown.warnings if shown else ()) if (known := asdict(each)) not in told]
    if told != video.warnings:
        video.warnings = told
    made = next((row for row in taken if row.state == State.COMPLETED), rows[0])
    offer = offered[made.offer]
    if made.state in _TAKEN and offer.shown:
        video.provider, video.executed_model = offer.provider, f"{offer.provider}/{offer.model}"
        video.size, video.seconds = offer.shown.size, offer.shown.seconds
        video.cost_estimate = None if offer.estimate is None else offer.estimate * video.n
    await session.flush()
