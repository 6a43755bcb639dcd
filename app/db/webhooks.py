"""Webhooks: receivers, always asked for by owner, and the outbox: the events that ended videos leave behind."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy import delete, func, select, tuple_, update

from app.db.tables import DeliveryRow, EndpointRow, EventRow, OutputRow, VideoRow
from app.domain import webhooks
from app.domain.jobs import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession

_TOLD = (
    VideoRow.owner,
    VideoRow.model,
    VideoRow.status,
    VideoRow.error_code,
    VideoRow.error_message,
    VideoRow.webhook_url,
    VideoRow.base_url,
    VideoRow.request_id,
    VideoRow.traceparent,
)


async def record(session: AsyncSession, video_id: str, now: float) -> None:
    """Write down that a locked video has ended, and a delivery for each who wants to know; once per kind of end."""
    video = (await session.execute(select(*_TOLD).where(VideoRow.id == video_id))).one()
    kind = webhooks.event_type(video.status, video.error_code)
    told = select(EventRow.id).where(EventRow.video_id == video_id, EventRow.type == kind)
    if await session.scalar(told) is not None:
        return
    wanted = select(EndpointRow.id, EndpointRow.url, EndpointRow.event_types).where(
        EndpointRow.owner == video.owner, EndpointRow.disabled_at.is_(None)
    )
    receivers = [each for each in await session.execute(wanted) if kind in each.event_types]
    if not receivers and video.webhook_url is None:
        return
    done = select(func.min(OutputRow.index)).where(OutputRow.video_id == video_id, OutputRow.state == State.COMPLETED)
    failed = video.status == "failed"
    event = EventRow(
        id=f"evt_{secrets.token_hex(16)}",
        owner=video.owner,
        video_id=video_id,
        type=kind,
        model=video.model,
        output=None if failed else await session.scalar(done),
        error_code=video.error_code if failed else None,
        error_message=video.error_message if failed else None,
        base_url=video.base_url,
        request_id=video.request_id,
        traceparent=video.traceparent,
        created_at=now,
    )
    session.add(event)
    await session.flush()  # deliveries refer to it
    session.add_all(_delivery(event, receiver.url, receiver.id) for receiver in receivers)
    if video.webhook_url is not None:
        session.add(_delivery(event, video.webhook_url, None))
    await session.flush()


def _delivery(event: EventRow, url: str, endpoint_id: str | None) -> DeliveryRow:
    return DeliveryRow(
        id=f"whd_{secrets.token_hex(16)}",
        owner=event.owner,
        event_id=event.id,
        endpoint_id=endpoint_id,
        target=endpoint_id or f"{event.owner} {urlsplit(url).netloc.lower()}",
        url=url,
        state="pending",
        run_at=event.created_at,
        fence=0,
        failures=0,
        history=[],
        created_at=event.created_at,
    )


async def forget(session: AsyncSession, video_id: str) -> None:
    """Blank what a provider or a client may have said about a deleted video; what is under way still arrives."""
    await session.execute(
        update(EventRow)
        .where(EventRow.video_id == video_id)
        .values(error_message=None, output=None)
        .execution_options(synchronize_session=False)
    )


async def add_endpoint(session: AsyncSession, row: EndpointRow) -> None:
    """Keep a receiver."""
    session.add(row)
    await session.flush()


async def count_endpoints(session: AsyncSession, owner: str) -> int:
    """Return how many receivers this owner has."""
    return await session.scalar(select(func.count()).where(EndpointRow.owner == owner)) or 0


async def get_endpoint(session: AsyncSession, owner: str, endpoint_id: str) -> EndpointRow | None:
    """Return one receiver of this owner as it is now."""
    mine = select(EndpointRow).where(EndpointRow.id == endpoint_id, EndpointRow.owner == owner)
    return await session.scalar(mine.execution_options(populate_existing=True))


async def list_endpoints(
    session: AsyncSession, owner: str, after: str | None, limit: int
) -> tuple[Sequence[EndpointRow], bool]:
    """Return a page of this owner's receivers, newest first, and whether more follow; an unknown `after` is the end."""
    statement = select(EndpointRow).where(EndpointRow.owner == owner)
    if after is not None:
        cursor = await get_endpoint(session, owner, after)
        if cursor is None:
            return [], False
        place = tuple_(EndpointRow.created_at, EndpointRow.id)
        statement = statement.where(place < (cursor.created_at, cursor.id))
    statement = statement.order_by(EndpointRow.created_at.desc(), EndpointRow.id.desc())
    rows = (await session.scalars(statement.limit(limit + 1))).all()
    return rows[:limit], len(rows) > limit


async def move(session: AsyncSession, endpoint: EndpointRow, url: str) -> None:
    """Give a receiver another address, for what is on its way, too."""
    endpoint.url = url
    await session.execute(
        update(DeliveryRow)
        .where(DeliveryRow.endpoint_id == endpoint.id, DeliveryRow.state == "pending")
        .values(url=url)
        .execution_options(synchronize_session=False)
    )


async def remove_endpoint(session: AsyncSession, endpoint_id: str) -> None:
    """Forget a receiver and its log."""
    await session.execute(delete(DeliveryRow).where(DeliveryRow.endpoint_id == endpoint_id))
    await session.execute(delete(EndpointRow).where(EndpointRow.id == endpoint_id))


async def lock_endpoint(session: AsyncSession, endpoint_id: str) -> None:
    """See to it that nobody else judges a receiver until this transaction ends; before its deliveries are touched."""
    await session.execute(select(EndpointRow.id).where(EndpointRow.id == endpoint_id).with_for_update())


async def succeeded(session: AsyncSession, endpoint_id: str) -> None:
    """Note that a receiver works: whatever failed before was no more than an interruption."""
    await session.execute(
        update(EndpointRow)
        .where(EndpointRow.id == endpoint_id, EndpointRow.failing_since.is_not(None))
        .values(failing_since=None, failed_at=None)
        .execution_options(synchronize_session=False)
    )


async def failed(session: AsyncSession, endpoint_id: str, now: float, *, gone: bool) -> str | None:
    """Note that a locked receiver failed; returns why it is told nothing from now on, if that was once too often."""
    row = await session.get(EndpointRow, endpoint_id, populate_existing=True)
    if row is None or row.disabled_at is not None:
        return None
    row.failing_since, row.failed_at = webhooks.series_start(row.failing_since, row.failed_at, now), now
    reason = None
    if gone:
        reason = "It answered with status 410."
    elif webhooks.is_dead(row.failing_since, now):
        reason = "Every attempt of five days has failed."
    if reason:
        await disable(session, row, now, reason)
    await session.flush()
    return reason


async def disable(session: AsyncSession, endpoint: EndpointRow, now: float, reason: str) -> None:
    """Tell a locked receiver nothing from now on, and give up what is on its way to it."""
    endpoint.disabled_at, endpoint.disabled_reason = now, reason
    await _give_up(session, DeliveryRow.endpoint_id == endpoint.id)


async def silence(session: AsyncSession, owner: str, now: float, reason: str) -> int:
    """Disable every receiver of this owner and give up what is on its way; returns how many were not disabled yet."""
    disabled = await session.execute(
        update(EndpointRow)
        .where(EndpointRow.owner == owner, EndpointRow.disabled_at.is_(None))
        .values(disabled_at=now, disabled_reason=reason)
        .execution_options(synchronize_session=False)
    )
    await _give_up(session, DeliveryRow.owner == owner)
    return int(disabled.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result is a CursorResult


async def _give_up(session: AsyncSession, which: ColumnElement[bool]) -> None:
    """End those of these deliveries that wait or are just being made."""
    await session.execute(
        update(DeliveryRow)
        .where(which, DeliveryRow.state == "pending")
        .values(state="failed", run_at=None, lease_owner=None, lease_until=None, fence=DeliveryRow.fence + 1)
        .execution_options(synchronize_session=False)
    )


async def put_off(session: AsyncSession, seconds: float) -> None:
    """Move what is measured against now, because the clock is about to jump by as much."""
    await session.execute(
        update(EndpointRow)
        .where(EndpointRow.failing_since.is_not(None))
        .values(failing_since=EndpointRow.failing_since + seconds, failed_at=EndpointRow.failed_at + seconds)
        .execution_options(synchronize_session=False)
    )
