"""Deliveries: the queue of what webhooks are sent. Claiming, noting how an attempt ended, resending.

The same leases and fences as those of outputs (`db.outputs`), and one rule more: each receiver is sent only so much at
a time, and so are all receivers of one owner, however many processes deliver.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, tuple_, update

from app.db.leases import Leases
from app.db.tables import DeliveryRow, EndpointRow, EventRow
from app.domain.jobs import Origin
from app.domain.webhooks import LONGEST_PAUSE, PER_OWNER, PER_TARGET, SPREAD

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.leases import Claim
    from app.domain.plain import Json

PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"

_CHUNK = 500  # rows that are removed at a time: whoever creates a video waits no longer than for these

LEASES = Leases(DeliveryRow, LONGEST_PAUSE * (1 + SPREAD))


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery as the engine or its owner sees it; `endpoint` is None for a video's own webhook_url.

    `fence` is what it was when this was read, whatever becomes of the row.
    """

    fence: int
    row: DeliveryRow
    event: EventRow
    endpoint: EndpointRow | None

    @property
    def id(self) -> str:
        """Its id."""
        return self.row.id

    @property
    def owner(self) -> str:
        """Whose it is."""
        return self.row.owner

    @property
    def run_at(self) -> float | None:
        """When it was due, in unix seconds."""
        return self.row.run_at

    @property
    def origin(self) -> Origin:
        """What asked for the video."""
        return Origin(self.event.request_id, self.event.traceparent)

    @property
    def facts(self) -> dict[str, str | None]:
        """Say in the log which one it is; a URL may hold secrets, so not where it goes."""
        return {"delivery": self.row.id, "video": self.event.video_id, "endpoint": self.row.endpoint_id}


@dataclass(frozen=True, slots=True)
class Page:
    """What a listing asks for."""

    endpoint_id: str | None = None
    video_id: str | None = None
    status: str | None = None
    after: str | None = None
    limit: int = 20


def _waits() -> ColumnElement[bool]:
    return DeliveryRow.state == PENDING


async def next_due(session: AsyncSession, claim: Claim) -> float | None:
    """Return when the next delivery that nobody holds is due, in unix seconds, or None."""
    return await session.scalar(select(func.min(DeliveryRow.run_at)).where(_waits(), LEASES.unheld(claim.now)))


async def claim(session: AsyncSession, claim: Claim) -> list[Delivery]:
    """Take due deliveries, few per receiver and not all for one owner: lease them and raise their fence.

    Who has the least under way comes first. One process at a time may ask.
    """
    held = (
        select(DeliveryRow.owner, DeliveryRow.target, func.count().label("busy"))
        .where(_waits(), DeliveryRow.lease_until >= claim.now)
        .group_by(DeliveryRow.owner, DeliveryRow.target)
        .cte("held")
    )
    helds = select(held.c.owner, func.sum(held.c.busy).label("busy")).group_by(held.c.owner).cte("helds")
    place = func.row_number().over(partition_by=DeliveryRow.target, order_by=(DeliveryRow.run_at, DeliveryRow.id))
    due = (
        select(DeliveryRow.id, DeliveryRow.owner, DeliveryRow.target, DeliveryRow.run_at, place.label("place"))
        .where(_waits(), DeliveryRow.run_at <= claim.now, LEASES.unheld(claim.now))
        .cte("due")
    )
    turn = due.c.place + func.coalesce(held.c.busy, 0)
    own = func.row_number().over(partition_by=due.c.owner, order_by=(turn, due.c.run_at, due.c.id))
    turns = (
        select(due.c.id, due.c.owner, due.c.run_at, own.label("own"))
        .outerjoin(held, held.c.target == due.c.target)
        .where(turn <= PER_TARGET)
        .cte("turns")
    )
    rank = turns.c.own + func.coalesce(helds.c.busy, 0)
    chosen = (
        select(turns.c.id)
        .outerjoin(helds, helds.c.owner == turns.c.owner)
        .where(rank <= PER_OWNER)
        .order_by(rank, turns.c.run_at)  # the first of each owner before the second of any, so with its receivers
        .limit(claim.limit)
        .cte("chosen")
    )
    ids = (
        await session.scalars(
            update(DeliveryRow)
            .where(DeliveryRow.id.in_(select(chosen.c.id)), _waits(), LEASES.unheld(claim.now))
            .values(lease_owner=claim.owner, lease_until=claim.now + claim.lease, fence=DeliveryRow.fence + 1)
            .returning(DeliveryRow.id)
            .execution_options(synchronize_session=False)
        )
    ).all()
    return await _find(session, DeliveryRow.id.in_(ids)) if ids else []


async def _find(session: AsyncSession, *which: ColumnElement[bool], limit: int | None = None) -> list[Delivery]:
    statement = (
        select(DeliveryRow, EventRow, EndpointRow)
        .join(EventRow, EventRow.id == DeliveryRow.event_id)
        .outerjoin(EndpointRow, EndpointRow.id == DeliveryRow.endpoint_id)
        .where(*which)
        .order_by(DeliveryRow.created_at.desc(), DeliveryRow.id.desc())
        .limit(limit)
    )
    rows = await session.execute(statement.execution_options(populate_existing=True))
    return [Delivery(row[0].fence, *row) for row in rows]


async def get(session: AsyncSession, owner: str, delivery_id: str) -> Delivery | None:
    """Return one delivery of this owner as it is now."""
    found = await _find(session, DeliveryRow.owner == owner, DeliveryRow.id == delivery_id)
    return found[0] if found else None


async def list_page(session: AsyncSession, owner: str, page: Page) -> tuple[list[Delivery], bool]:
    """Return a page of an owner's deliveries, newest first, and whether more follow; an unknown `after` is the end."""
    which = [DeliveryRow.owner == owner]
    if page.after is not None:
        cursor = await get(session, owner, page.after)
        if cursor is None:
            return [], False
        which.append(tuple_(DeliveryRow.created_at, DeliveryRow.id) < (cursor.row.created_at, cursor.row.id))
    if page.endpoint_id is not None:
        which.append(DeliveryRow.endpoint_id == page.endpoint_id)
    if page.video_id is not None:
        which.append(EventRow.video_id == page.video_id)
    if page.status is not None:
        which.append(DeliveryRow.state == page.status)
    found = await _find(session, *which, limit=page.limit + 1)
    return found[: page.limit], len(found) > page.limit


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended: the delivery's new state, when it is due again (unix seconds), and the log so far."""

    state: str
    run_at: float | None
    failures: int
    history: list[dict[str, Json]]


async def note(session: AsyncSession, delivery: Delivery, ended: Ended) -> bool:
    """Write down how an attempt ended; False means that the delivery is no longer ours."""
    result = await session.execute(
        update(DeliveryRow)
        .where(DeliveryRow.id == delivery.id, DeliveryRow.fence == delivery.fence, _waits())
        .values(
            state=ended.state,
            run_at=ended.run_at,
            failures=ended.failures,
            history=ended.history,
            lease_owner=None,
            lease_until=None,
        )
        .execution_options(synchronize_session=False)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result is a CursorResult


async def send_off(session: AsyncSession, delivery_id: str, now: float) -> None:
    """Have a delivery made anew from `now` on. One that is being made just now is left alone.

    Begun once more beside it, it would not count again among what its receiver and its owner have under way.
    """
    await session.execute(
        update(DeliveryRow)
        .where(DeliveryRow.id == delivery_id, LEASES.unheld(now))
        .values(state=PENDING, run_at=now, failures=0, fence=DeliveryRow.fence + 1, lease_owner=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )


async def prune(session: AsyncSession, before: float) -> bool:
    """Remove some of the ended deliveries made before then (unix seconds); say whether there may be more of them."""
    old = select(DeliveryRow.id).where(DeliveryRow.created_at < before, DeliveryRow.state != PENDING).limit(_CHUNK)
    gone = await session.execute(
        delete(DeliveryRow).where(DeliveryRow.id.in_(old)).execution_options(synchronize_session=False)
    )
    return bool(gone.rowcount == _CHUNK)  # type: ignore[attr-defined]  # as above
