"""The engine's own steps on a real database; who runs when, and what the provider says, is the test's choice.

Several engines, whose steps stop wherever the test wants: before they begin, between intent and request, or for as long
as the provider does not answer or the database is away.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from unittest.mock import patch

from sqlalchemy import select

from app.db import outputs
from app.db.leases import Claim
from app.db.session import DatabaseUnavailable
from app.db.tables import OutputRow, SubmissionRow, VideoRow
from app.domain import jobs, public_state
from app.domain.jobs import LIVE, TERMINAL, UNKNOWN, Job, Media, State
from app.domain.public_state import OutputState
from app.providers.base import Failed, Pending
from app.providers.errors import Indeterminate, Misconfigured, ProviderError, Rejected, Transient
from app.services.callbacks import Callbacks
from app.services.drawing import Drawing
from app.services.polling import Polling
from tests.services.bench import open_bench
from tests.services.ledger import PRICE, LedgerProvider
from tests.services.onlooker import Onlooker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.services.context import Context
    from tests.services.bench import Bench
    from tests.services.leaving import Leaving
    from tests.services.ledger import Request

T = TypeVar("T")
Poll: TypeAlias = Pending | Failed | ProviderError | None  # None: it has succeeded

LEASE = 30.0  # seconds
_AGAIN = "unknown, sent again"  # what the operator has allowed
REFUSALS = {
    "busy": Transient("busy", retry_after=9.0),
    "input": Rejected("no such style"),
    "key": Misconfigured("wrong key"),
}


class Killed(BaseException):
    """The engine's process ends here."""


@dataclass(frozen=True)
class Hand:
    """An output that an engine has claimed, and until when it may send a paid request for it."""

    engine: str
    job: Job
    until: float


@dataclass(frozen=True)
class Step:
    """A step under way."""

    engine: str
    output: str
    task: asyncio.Task[None]


async def keep(context: Context, job: Job) -> None:
    """Stand in for the store lane, whose files are another test's matter."""
    cost = (job.result or {}).get("cost")
    media = Media("k", "video/mp4", 1, 64, 64, 1.0, 24.0, 24, cost if isinstance(cost, int) else None)
    await context.apply(jobs.stored(job, media, context.clock(), {"outcome": "completed"}))


async def _draw(_drawing: Drawing, _job: Job, _key: str) -> bool:
    """Draw nothing, for the same reason."""
    return True


class World:
    """Everything there is; `open` before use, `close` at the end."""

    bench: Bench
    database: Leaving
    provider: LedgerProvider
    callbacks: Callbacks

    def __init__(self) -> None:
        self.is_open = False
        self.loop = asyncio.new_event_loop()
        self.hands: list[Hand] = []
        self.steps: list[Step] = []
        self.progress: dict[str, int] = {}  # of every video, as last seen
        self._again: set[str] = set()  # submissions that the operator has had sent again; a delete blanks that
        self._seen: dict[str, tuple[str, str | None]] = {}
        self._stack = AsyncExitStack()
        self._folder = tempfile.TemporaryDirectory()

    def open(self, *, lists_all: bool, finds: bool, cancels: bool, resubmits: bool, told: bool, room: bool) -> None:
        """Begin with nothing."""
        root = Path(self._folder.name) / "bench"
        self.provider = LedgerProvider(root, lists_all, finds, cancels)
        opening = open_bench(root, self.provider)  # type: ignore[arg-type]  # not a scripted one
        self.bench = self.run(self._stack.enter_async_context(opening))
        object.__setattr__(self.bench.context, "resubmits", frozenset({"fal"} if resubmits else ()))
        object.__setattr__(self.bench.context, "callback_base", "https://gateway.example" if told else None)
        self.bench.polling = Polling(self.bench.context, lambda: room)
        self._stack.enter_context(patch.object(Drawing, "draw", _draw))
        self.database = self.bench.database  # type: ignore[assignment]
        self.callbacks = Callbacks(self.database, self.bench.context.providers, self.bench.clock)
        self.onlooker = Onlooker(self.bench)
        self.is_open = True

    def close(self) -> None:
        """End everything."""
        self.end(self.steps)
        self.run(self._stack.aclose())
        self.loop.close()
        self._folder.cleanup()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @property
    def away(self) -> bool:
        return self.database.away

    def write(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T | None:
        try:
            return self.run(self.database.write(work))
        except DatabaseUnavailable:
            assert self.away
            return None

    def under_way(self, request: Request) -> bool:
        return any(step.task is request.sender for step in self.steps)

    async def rows(self) -> tuple[dict[str, VideoRow], dict[str, OutputRow], dict[str, SubmissionRow]]:
        async with self.database.read() as session:
            videos = {row.id: row for row in await session.scalars(select(VideoRow))}
            found = {row.id: row for row in await session.scalars(select(OutputRow))}
            return videos, found, {row.id: row for row in await session.scalars(select(SubmissionRow))}

    def start(self, hand: Hand, poll: Poll = None, *, fate: str = "waits", dies: bool = False) -> None:
        """Begin a step; a poll is answered so, and a request meets that fate, or its sender dies before it."""
        self.hands.remove(hand)
        self.provider.next_poll = poll
        dies = dies and hand.job.state is State.QUEUED
        step = Step(hand.engine, hand.job.id, self.loop.create_task(self.step(hand, dies=dies)))
        self.steps.append(step)
        self.settle()
        self.provider.next_poll = None
        for request in self.provider.waiting:
            if request.sender is step.task:
                self.decide(request, fate)

    def kill(self, engine: str) -> None:
        """End an engine's process."""
        self.hands = [hand for hand in self.hands if hand.engine != engine]
        self.end([step for step in self.steps if step.engine == engine])

    def restart(self) -> None:
        """End every process, and start one that takes over."""
        self.hands = []
        self.end(self.steps)
        self.bench.polling = Polling(self.bench.context, self.bench.polling.room)
        self.write(partial(outputs.LEASES.take_over, now=self.bench.clock()))

    def renew(self, engine: str) -> None:
        """Have an engine renew the leases of its steps under way."""
        busy = {step.output for step in self.steps if step.engine == engine}
        until = self.bench.clock() + LEASE
        self.write(partial(outputs.LEASES.renew, owner=engine, ids=busy, until=until))

    def leave(self, *, away: bool) -> None:
        """Take the database away, or bring it back."""
        self.database.away = away
        self.settle()

    def drain(self) -> None:
        """Let everything end, and say what must hold then."""
        self.leave(away=False)
        self.restart()
        for number in range(60):
            self.bench.clock.now += 300 if number < 8 else 20_000  # a lost one is looked for during a day
            for lane in (LIVE, None):
                for hand in self.claim("one", lane, 100):
                    self.start(hand, fate="accepted")
            if all(row.state in TERMINAL and not row.cleanup for row in self.run(self.rows())[1].values()):
                break
        self.check()
        _, found, sent = self.run(self.rows())
        assert {output.state for output in found.values()} <= TERMINAL, "an output never ends"
        assert not any(output.cleanup for output in found.values()), "a cleanup never ends"
        for request in self.provider.paid if self.provider.finds else ():
            row, cancelled = sent[request.submission], found[request.output].error_code == "cancelled"
            assert row.phase == "accepted" or row.id in self._again or cancelled, "it could have been found"

    async def step(self, hand: Hand, *, dies: bool) -> None:
        """Do what `Engine` does with a claimed output."""
        bench, job = self.bench, hand.job

        def lease_holds() -> bool:
            if dies:
                raise Killed
            return bench.clock() < hand.until

        try:
            match job.state:
                case State.QUEUED | State.SUBMITTING:
                    await bench.submitting.submit(job, lease_holds)
                case State.RUNNING:
                    rendered = await bench.polling.poll(job)
                    self.hands += [Hand(hand.engine, rendered, hand.until)] if rendered else []
                case State.STORING:
                    await keep(bench.context, job)
                case _:
                    await bench.ending.clean_up(job)
        except Killed:
            return
        except DatabaseUnavailable:
            assert self.away
            with contextlib.suppress(DatabaseUnavailable):
                await self.database.write(partial(outputs.LEASES.give_back, work=job, run_at=bench.clock() + 5))

    def settle(self) -> None:
        """Let every step go on until it has ended, or waits for the provider or the database."""
        self.run(self.come_to_rest())
        for step in self.steps:
            if step.task.done():
                step.task.result()
        self.steps = [step for step in self.steps if not step.task.done()]

    async def come_to_rest(self) -> None:
        self.database.refused.clear()
        calm = 0
        while calm < 5:  # times that nothing moves
            stuck = {request.sender for request in self.provider.waiting}
            stuck |= self.database.refused if self.away else set()
            moving = any(not step.task.done() and step.task not in stuck for step in self.steps)
            calm = 0 if moving else calm + 1
            await asyncio.sleep(0.0005 if moving else 0)

    def end(self, steps: list[Step]) -> None:
        """End steps where they are, as a kill does."""
        for step in steps:
            step.task.cancel()
        self.run(asyncio.wait([step.task for step in steps])) if steps else None
        self.steps = [step for step in self.steps if not step.task.done()]

    def claim(self, engine: str, lane: frozenset[State] | None, limit: int = 2) -> list[Hand]:
        now = self.bench.clock()
        work = partial(outputs.claim, states=lane, claim=Claim(engine, now, LEASE, limit))
        claimed = [Hand(engine, job, now + LEASE * 2 / 3) for job in self.write(work) or ()]
        self.hands += claimed
        return claimed

    def decide(self, request: Request, fate: str) -> None:
        """Take the job or not, and answer or not; what was decided before stays so."""
        if request.taken is None and fate in ("accepted", "taken", "lost"):
            request.taken = True
        if fate == "accepted" and request.taken:
            request.answer.set_result(None)
        elif fate in REFUSALS and not request.taken:
            request.taken = False
            request.answer.set_exception(REFUSALS[fate])
        elif fate in ("cut", "lost"):
            request.taken = bool(request.taken)
            request.answer.set_exception(Indeterminate("cut"))
        self.settle()

    def check(self) -> None:
        """Say what must hold at every moment."""
        videos, found, sent = self.run(self.rows())
        self.check_money(found, sent)
        self.check_ends(videos, found)
        self.run(self.onlooker.check(videos))
        now = self.bench.clock()
        assert all(output.lease_until is None or output.lease_until <= now + LEASE for output in found.values())

    def check_money(self, found: dict[str, OutputRow], sent: dict[str, SubmissionRow]) -> None:
        self._again |= {row.id for row in sent.values() if row.error == _AGAIN}
        for output in found.values():
            paid = [request for request in self.provider.paid if request.output == output.id]
            mine = [row for row in sent.values() if row.output_id == output.id]
            authorised = sum(row.id in self._again for row in mine)
            assert len(paid) <= 1 + authorised, "paid twice"
            assert (output.cost or 0) <= PRICE * len(paid), "booked twice"
            if output.state == State.COMPLETED and not authorised:
                assert output.cost == PRICE
        for request in self.provider.paid:
            row, output = sent[request.submission], found[request.output]
            adopted = row.phase == "accepted" and row.operation is not None
            looked_for = row.phase == "submitting" and output.state in (State.SUBMITTING, State.FAILED)
            assert adopted or looked_for or row.id in self._again or self.under_way(request), "lost"
            assert row.operation is None or row.operation["id"] == request.operation["id"]

    def check_ends(self, videos: dict[str, VideoRow], found: dict[str, OutputRow]) -> None:
        for output in found.values():
            before = self._seen.get(output.id)
            if before and before[0] in TERMINAL and before != (output.state, output.error_code):
                assert before[1] == UNKNOWN, f"an end has changed: {before}"
                assert output.state == State.RUNNING
            assert output.state in TERMINAL or output.run_at is not None, "a live output waits for nobody"
            self._seen[output.id] = (output.state, output.error_code)
        for video in videos.values():
            assert video.progress >= self.progress.get(video.id, 0), "progress went back"
            self.progress[video.id] = video.progress
            mine = sorted((each for each in found.values() if each.video_id == video.id), key=lambda each: each.index)
            states = [OutputState(State(each.state), each.progress, each.error_code) for each in mine]
            derived = public_state.derive(states, video.progress, video.status)
            assert (video.status, video.progress) == (derived.status, derived.progress)
            assert (video.completed_at is not None) == derived.terminal
