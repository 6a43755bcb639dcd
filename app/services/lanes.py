"""Lanes: one kind of work each, on tables that are queues."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from app.db import deliveries, outputs, webhooks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.outputs import Claim
    from app.domain.jobs import Job, State
    from app.services.delivering import Delivering


class Work(Protocol):
    """A claimed row: an output, or a delivery."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def facts(self) -> Mapping[str, object]:
        """Say in the log which one it is."""


class Table(Protocol):
    """The module of a table that is a queue: `db.outputs`, `db.deliveries`."""

    async def give_back(self, session: AsyncSession, work: Any, run_at: float, /) -> None:  # noqa: ANN401 - what its lane claims
        """Hand a row back after a step that went wrong."""

    async def renew(self, session: AsyncSession, owner: str, ids: Collection[str], until: float, /) -> None:
        """Extend the leases of `owner` on these rows."""

    async def release(self, session: AsyncSession, owner: str, /) -> None:
        """Hand back the leases of `owner`."""

    async def take_over(self, session: AsyncSession, now: float, /) -> None:
        """Take back every lease."""

    async def put_off(self, session: AsyncSession, seconds: float, /) -> None:
        """Move every moment that lies ahead."""


_TABLES: tuple[Table, ...] = (outputs, deliveries)


@dataclass(eq=False)
class Lane:
    """One kind of work: which rows, how many at once, and what to do with each."""

    name: str
    table: Table
    next_due: Callable[[AsyncSession, float], Awaitable[float | None]]
    take: Callable[[AsyncSession, Claim], Awaitable[Sequence[Work]]]
    slots: int
    step: Callable[[Any], Awaitable[None]]  # takes what `claim` gives
    busy: dict[asyncio.Task[None], str] = field(default_factory=dict)  # a step under way and its row's id
    wake: asyncio.Event = field(default_factory=asyncio.Event)


def output_lane(name: str, states: frozenset[State] | None, slots: int, step: Callable[[Job], Awaitable[None]]) -> Lane:
    """Make a lane of outputs in these states, or (None) of those that wait for cleanup."""
    return Lane(name, outputs, partial(_next_due, states), partial(_claim, states), slots, step)


def delivery_lane(delivering: Delivering, slots: int) -> Lane:
    """Make the lane of webhooks."""
    return Lane("deliver", deliveries, deliveries.next_due, delivering.claim, slots, delivering.deliver)


async def _next_due(states: frozenset[State] | None, session: AsyncSession, now: float) -> float | None:
    return await outputs.next_due(session, states, now)


async def _claim(states: frozenset[State] | None, session: AsyncSession, claim: Claim) -> list[Job]:
    return await outputs.claim(session, states, claim)


async def take_over(session: AsyncSession, now: float) -> None:
    """Take back every lease: on one node nobody else can be alive at the start."""
    for table in _TABLES:
        await table.take_over(session, now)


async def release(session: AsyncSession, owner: str) -> None:
    """Hand back every lease of `owner`."""
    for table in _TABLES:
        await table.release(session, owner)


async def renew(session: AsyncSession, owner: str, lanes: Sequence[Lane], until: float) -> None:
    """Extend the leases that `owner` holds on what these lanes are really working on."""
    for table in _TABLES:
        ids = {row_id for lane in lanes if lane.table is table for row_id in lane.busy.values()}
        if ids:
            await table.renew(session, owner, ids, until)


async def put_off(session: AsyncSession, seconds: float) -> None:
    """Move every moment that is measured against now, because the clock is about to jump by as much."""
    for table in _TABLES:
        await table.put_off(session, seconds)
    await webhooks.put_off(session, seconds)
