"""The claim loop: takes due outputs and deliveries from the database and gives each to its step, lane by lane.

The row is the queue, so there is nothing to lose here: a lane only remembers what it is busy with. Lanes have limits
of their own, so that a slow download never delays a poll.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from functools import partial
from typing import TYPE_CHECKING

import structlog

from app import tracing
from app.children import ForkServer
from app.db.leases import Claim
from app.db.session import DatabaseUnavailable
from app.domain.jobs import State
from app.domain.webhooks import PER_OWNER
from app.media.errors import StoreFault
from app.media.probe import FORK_SERVER
from app.media.shares import work_for
from app.metrics import LANE_LAG_SECONDS, STEP_FAULTS
from app.services import lanes
from app.services.delivering import Delivering
from app.services.ending import Ending
from app.services.lanes import Lane, delivery_lane, output_lane
from app.services.polling import Polling
from app.services.storing import Storing
from app.services.submitting import Submitting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.domain.jobs import Job
    from app.services.context import Context
    from app.services.lanes import Work
    from app.tracing import Span

log = structlog.get_logger()

_LONGEST_WAIT = 5.0  # seconds a lane sleeps at most; whatever it misses, it finds then
_FAULT_SECONDS = 5.0  # until a step that raised is tried again
_DRAIN_SECONDS = 9.0  # for steps under way when the gateway stops: it shall be gone after 15
_SWEEP_SECONDS = 3600.0
_CLOCK_SECONDS = 5.0  # between two looks at the machine's date
_SMALLEST_JUMP = 2.0  # seconds; smaller ones are what clocks do
_STORE_SECONDS = 15.0  # until a step is tried again that the media store stopped
_LEASE_MARGIN = 1 / 3  # of the lease must be left when a paid request is sent


class Engine:
    """Runs the lanes between `start` and `stop`."""

    def __init__(self, context: Context, lease: float) -> None:
        self._database = context.database
        self._clock = context.clock
        self._submitting = Submitting(context)
        self._forks = ForkServer(FORK_SERVER)
        self._ending = Ending(context, self._forks)
        self._polling = Polling(context, self._has_room)
        self._lease = lease
        self._owner = f"engine-{secrets.token_hex(4)}"
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        late, keep = lanes.LATE_SECONDS, Storing(context, self._forks).keep
        self._store = output_lane("store", frozenset({State.STORING}), 4, keep, late=late)
        self._lanes = (
            output_lane(
                "submit", frozenset({State.QUEUED, State.SUBMITTING}), 32, self._submit, rest=0.01, shared=True
            ),
            output_lane("poll", frozenset({State.RUNNING}), 64, self._poll, rest=0.02),
            self._store,
            output_lane("draw", frozenset({State.COMPLETED}), 16, self._ending.clean_up, late=late),
            output_lane("cleanup", frozenset({State.FAILED}), 16, self._ending.clean_up, late=late),
            delivery_lane(Delivering(context), 4 * PER_OWNER),
        )

    async def start(self) -> None:
        """Take over what a previous process left, and run. Where replicas share the database, leases tell what."""
        if not self._database.shared:
            await self._database.write(partial(lanes.take_over, now=self._clock()))
            await self._ending.sweep(everything=True)
        self._database.listen("work", self.wake)
        for lane in self._lanes:
            for state in lane.after:
                self._database.listen(state, lane.wake.set)
        self._tasks = [asyncio.create_task(self._run(lane), name=f"lane-{lane.name}") for lane in self._lanes]
        self._tasks.append(asyncio.create_task(self._keep_leases(), name="leases"))
        self._tasks.append(asyncio.create_task(self._sweep_forever(), name="sweeps"))
        self._tasks.append(asyncio.create_task(self._follow_clock(), name="clock"))

    async def stop(self) -> None:
        """Stop claiming and sending, let the steps under way end, and hand back the rows of those that take too long.

        A paid request that is cut off would leave a submission unknown; a poll or a download is simply begun again.
        """
        self._stopping = True
        for lane_task in self._tasks[: len(self._lanes)]:
            lane_task.cancel()
        await asyncio.gather(*self._tasks[: len(self._lanes)], return_exceptions=True)
        steps = [task for lane in self._lanes for task in lane.busy]
        if steps:
            await asyncio.wait(steps, timeout=_DRAIN_SECONDS)
        tasks = [*self._tasks, *steps]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._forks.close()
        with contextlib.suppress(DatabaseUnavailable):  # then the leases run out
            await self._database.write(partial(lanes.release, owner=self._owner))

    @property
    def alive(self) -> bool:
        """Say whether every lane runs."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    def wake(self) -> None:
        """Look at every lane now: something became due."""
        for lane in self._lanes:
            lane.wake.set()

    async def _run(self, lane: Lane) -> None:
        while True:
            lane.wake.clear()
            try:
                wait = await self._claim(lane)
            except DatabaseUnavailable as fault:
                log.error("the database fails", lane=lane.name, reason=str(fault))
                wait = _FAULT_SECONDS
            except Exception:
                log.exception("lane cannot claim", lane=lane.name)
                wait = _FAULT_SECONDS
            await asyncio.sleep(lane.rest)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if wait is None else max(0.0, wait - lane.rest)):
                    await lane.wake.wait()
            await asyncio.sleep(lane.late)

    async def _claim(self, lane: Lane) -> float | None:
        """Start the due work there is room for; return how long to wait for more (None: until woken)."""
        free, spared = lane.room()
        if free <= 0:
            return None
        claim = Claim(self._owner, self._clock(), self._lease, free, spared)

        async def look(session: AsyncSession) -> tuple[Sequence[Work], float | None]:
            due = await lane.next_due(session, claim)
            if due is None or due > claim.now:
                return [], due
            return await lane.take(session, claim), await lane.next_due(session, claim)

        # What is queued for spared owners, ten thousands perhaps, is read and passed over: that is for a thread.
        claimed, due = await self._database.write(look, brief=not spared)
        for work in claimed:
            LANE_LAG_SECONDS.labels(lane.name).observe(max(0.0, claim.now - (work.run_at or claim.now)))
            self._begin(lane, work)
        if due is None or (due <= claim.now and not claimed):  # others took it, or it waits for what is under way
            return _LONGEST_WAIT
        return min(_LONGEST_WAIT, max(0.0, due - self._clock()))  # the look itself may have waited for others

    def _begin(self, lane: Lane, work: Work) -> None:
        task = asyncio.create_task(self._step(lane, work), name=f"{lane.name}-{work.id}")
        lane.busy[task] = work
        task.add_done_callback(partial(self._done, lane))

    def _done(self, lane: Lane, task: asyncio.Task[None]) -> None:
        lane.busy.pop(task, None)
        lane.wake.set()

    async def _step(self, lane: Lane, work: Work) -> None:
        with _following(lane.name, work) as span:
            try:
                with work_for(work.owner):
                    await lane.step(work)
            except DatabaseUnavailable as fault:
                log.error("the database fails", lane=lane.name, reason=str(fault), **work.facts)
                await self._fault(lane, work, span, "database", _FAULT_SECONDS)
            except StoreFault as fault:  # of no step's making, and none fails by it
                log.error("the media store fails", lane=lane.name, reason=str(fault), **work.facts)
                await self._fault(lane, work, span, "media_store", _STORE_SECONDS)
            except Exception:
                log.exception("step failed", lane=lane.name, **work.facts)
                await self._fault(lane, work, span, "defect", _FAULT_SECONDS)

    async def _fault(self, lane: Lane, work: Work, span: Span, cause: str, seconds: float) -> None:
        """Count a fault that is not the job's, and give its row back until then."""
        span.fail(cause)
        STEP_FAULTS.labels(lane.name, cause).inc()
        await self._give_back(lane, work, seconds)

    async def _give_back(self, lane: Lane, work: Work, seconds: float) -> None:
        run_at = self._clock() + seconds
        with contextlib.suppress(Exception):  # then its lease runs out, and it is claimed again
            await self._database.write(lambda session: lane.leases.give_back(session, work, run_at))

    async def _sweep_forever(self) -> None:
        """Remove now and then what killed processes left; one replica does it for all."""
        while True:
            try:
                await self._database.alone(self._ending.sweep, "sweep")
            except Exception:
                log.exception("what killed processes left cannot be removed")
            await asyncio.sleep(_SWEEP_SECONDS)

    async def _follow_clock(self) -> None:
        """When somebody sets the date, or the machine has slept, no job may end early or wait for hours."""
        while True:
            await asyncio.sleep(_CLOCK_SECONDS)
            jump = self._database.jump()
            if abs(jump) < _SMALLEST_JUMP:
                continue
            try:
                await self._database.write(partial(lanes.put_off, seconds=jump))
            except DatabaseUnavailable as fault:
                log.error("the database fails", reason=str(fault))
                continue
            self._database.follow(jump)
            self._polling.watching.put_off(jump)
            log.warning("the clock was set: what waits was moved with it", seconds=round(jump, 1))

    async def _submit(self, job: Job) -> None:
        deadline = time.monotonic() + self._lease * (1 - _LEASE_MARGIN)
        await self._submitting.submit(job, lambda: not self._stopping and time.monotonic() < deadline)

    async def _poll(self, job: Job) -> None:
        """Poll, and go on to store what there is at once: a claim of its own would cost a query and an fsync."""
        self._forks.expect()
        rendered = await self._polling.poll(job)
        if rendered and self._has_room():
            self._begin(self._store, rendered)
        elif rendered:
            await self._give_back(self._store, rendered, 0.0)

    def _has_room(self) -> bool:
        """Say whether a result would be stored at once."""
        return not self._stopping and len(self._store.busy) < self._store.slots

    async def _keep_leases(self) -> None:
        """Renew the leases of steps that take long."""
        while True:
            await asyncio.sleep(self._lease / 3)
            if not any(lane.busy for lane in self._lanes):
                continue
            until = self._clock() + self._lease
            try:
                await self._database.write(partial(lanes.renew, owner=self._owner, lanes=self._lanes, until=until))
            except DatabaseUnavailable as fault:
                log.error("leases cannot be renewed", reason=str(fault))
            except Exception:
                log.exception("leases cannot be renewed")


@contextlib.contextmanager
def _following(lane: str, work: Work) -> Iterator[Span]:
    """Name in logs and traces the request that asked for this."""
    named = {"request_id": work.origin.request_id} if work.origin.request_id else {}
    facts = {f"reelgate.{name}": str(value) for name, value in work.facts.items() if value is not None}
    with (
        structlog.contextvars.bound_contextvars(**named),
        tracing.span(f"{lane} step", "internal", facts, work.origin.traceparent) as span,
    ):
        yield span
