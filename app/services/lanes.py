"""Lanes: one kind of work each, on tables that are queues."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from app.db import deliveries, outputs, webhooks
from app.db.leases import Claimed
from app.domain.jobs import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.leases import Claim, Leases
    from app.domain.jobs import Job, Origin, State
    from app.services.delivering import Delivering


class Work(Claimed, Protocol):
    """A claimed row: an output, or a delivery."""

    @property
    def owner(self) -> str:
        """Whose it is."""

    @property
    def run_at(self) -> float | None:
        """When it was due, in unix seconds."""

    @property
    def origin(self) -> Origin:
        """What asked for it."""

    @property
    def facts(self) -> Mapping[str, object]:
        """Say in the log which one it is."""


LATE_SECONDS = 0.02  # see Lane
_QUEUES: tuple[Leases, ...] = (outputs.LEASES, deliveries.LEASES)


@dataclass(eq=False)
class Lane:
    """One kind of work: which rows, how many at once, and what to do with each.

    It `rest`s for so many seconds between two looks for work, so that one claim takes all that came meanwhile. Nobody
    waits for the work of one that is `late`: it looks so many seconds after it was woken, when those are served who do.
    Of a `shared` one no owner gets more slots than it leaves free: alone it has half of them, beside another a third.
    """

    name: str
    leases: Leases
    next_due: Callable[[AsyncSession, Claim], Awaitable[float | None]]
    take: Callable[[AsyncSession, Claim], Awaitable[Sequence[Work]]]
    slots: int
    step: Callable[[Any], Awaitable[None]]  # takes what `claim` gives
    after: frozenset[State]  # an output that comes into one of these may be due here
    rest: float = 0.0
    shared: bool = False
    late: float = 0.0
    busy: dict[asyncio.Task[None], Work] = field(default_factory=dict)  # a step under way and its row
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def room(self) -> tuple[int, frozenset[str]]:
        """Return how many steps may be begun now, and whose may not."""
        free = self.slots - len(self.busy)
        if not self.shared:
            return free, frozenset()
        held = Counter(work.owner for work in self.busy.values())
        spared = frozenset(owner for owner, count in held.items() if count >= free)
        most = max((count for owner, count in held.items() if owner not in spared), default=0)
        return min(free, max(1, (free - most) // 2)), spared  # all of these may be one owner's


def output_lane(
    name: str,
    states: frozenset[State],
    slots: int,
    step: Callable[[Job], Awaitable[None]],
    *,
    rest: float = 0.0,
    shared: bool = False,
    late: float = 0.0,
) -> Lane:
    """Make a lane of outputs in these states; of those that have ended, it takes what waits for cleanup."""
    due, take = partial(_next_due, states), partial(_claim, states)
    return Lane(name, outputs.LEASES, due, take, slots, step, states, rest, shared, late)


def delivery_lane(delivering: Delivering, slots: int) -> Lane:
    """Make the lane of webhooks."""
    take, step = delivering.claim, delivering.deliver
    return Lane("deliver", deliveries.LEASES, deliveries.next_due, take, slots, step, TERMINAL, late=LATE_SECONDS)


async def _next_due(states: frozenset[State], session: AsyncSession, claim: Claim) -> float | None:
    return await outputs.next_due(session, states, claim)


async def _claim(states: frozenset[State], session: AsyncSession, claim: Claim) -> list[Job]:
    return await outputs.claim(session, states, claim)


async def take_over(session: AsyncSession, now: float) -> None:
    """Take back every lease: on one node nobody else can be alive at the start."""
    for leases in _QUEUES:
        await leases.take_over(session, now)


async def release(session: AsyncSession, owner: str) -> None:
    """Hand back every lease of `owner`."""
    for leases in _QUEUES:
        await leases.release(session, owner)


async def renew(session: AsyncSession, owner: str, lanes: Sequence[Lane], until: float) -> None:
    """Extend the leases that `owner` holds on what these lanes are really working on."""
    for leases in _QUEUES:
        ids = {work.id for lane in lanes if lane.leases is leases for work in lane.busy.values()}
        if ids:
            await leases.renew(session, owner, ids, until)


async def put_off(session: AsyncSession, seconds: float) -> None:
    """Move every moment that is measured against now, because the clock is about to jump by as much."""
    for leases in _QUEUES:
        await leases.put_off(session, seconds)
    await webhooks.put_off(session, seconds)
