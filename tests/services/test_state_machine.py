"""Whatever happens in whatever order, nothing is paid twice, lost, or changed after its end.

Hypothesis makes up the order: claims of several engines, answers that come late or never, crashes at every moment,
callbacks, cancels, deletes, a database that is away, and time that passes. The provider's ledger is the oracle.
"""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.db.session import DatabaseUnavailable
from app.db.sqlite import SqliteDatabase
from app.domain.errors import GatewayError
from app.domain.jobs import LIVE, State
from app.providers.base import Failed, Pending
from app.providers.errors import Misconfigured, Transient
from app.services import context
from tests.services import bench
from tests.services.bench import OWNER
from tests.services.leaving import Leaving
from tests.services.world import REFUSALS, World

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from tests.services.world import Poll

MOST_VIDEOS = 4
ENGINES = st.sampled_from(["one", "two", "three"])
FATES = st.sampled_from(["waits", "waits", "taken", "accepted", "accepted", "cut", "lost", "lost", *REFUSALS])
POLLS: st.SearchStrategy[Poll] = st.sampled_from(
    [Pending(40), Pending(), Transient("502", 7.0), Misconfigured("401"), Failed("moderation_blocked", "no"), None]
)


class Machine(RuleBasedStateMachine):
    """What may happen."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @initialize(
        lists_all=st.booleans(),
        finds=st.booleans(),
        cancels=st.booleans(),
        resubmits=st.booleans(),
        told=st.booleans(),
        room=st.booleans(),
        fate=FATES,
    )
    def open(self, *, fate: str, **given: bool) -> None:
        """Begin with two outputs on their way: otherwise little would come of most orders."""
        self.world.open(**given)
        self.create(2)
        self.go_on("one", 1.0, fate, None)

    # What engines do.

    @rule(engine=ENGINES, after=st.sampled_from([0.0, 1.0, 10.0]), fate=FATES, poll=POLLS)
    def go_on(self, engine: str, after: float, fate: str, poll: Poll) -> None:
        """Claim what is due, do it, and be answered at once or not yet."""
        self.world.bench.clock.now += after
        for hand in self.world.claim(engine, LIVE):
            self.world.start(hand, poll, fate=fate)

    @rule(engine=ENGINES)
    def tidy(self, engine: str) -> None:
        """Clean up what has ended."""
        for hand in self.world.claim(engine, None):
            self.world.start(hand)

    @rule(engine=ENGINES, lane=st.sampled_from([LIVE, None]))
    def stall(self, engine: str, lane: frozenset[State] | None) -> None:
        """Claim what is due, and do nothing yet."""
        self.world.claim(engine, lane)

    @rule(late=ENGINES, engine=ENGINES, fate=FATES, poll=POLLS)
    def overtake(self, late: str, engine: str, fate: str, poll: Poll) -> None:
        """Go on with what one has claimed, once its lease has run out; then the late one goes on, too."""
        stale = self.world.claim(late, LIVE)
        self.go_on(engine, 31.0, fate, poll)
        for hand in stale:
            self.world.start(hand, poll, fate=fate)

    @precondition(lambda self: self.world.hands)
    @rule(data=st.data(), poll=POLLS, dies=st.booleans())
    def work(self, data: st.DataObject, poll: Poll, *, dies: bool) -> None:
        """Begin a step, perhaps long after its claim; one that sends may die between its intent and its request."""
        self.world.start(data.draw(st.sampled_from(self.world.hands), "hand"), poll, dies=dies)

    @precondition(lambda self: self.world.hands or self.world.steps)
    @rule(engine=ENGINES)
    def kill(self, engine: str) -> None:
        self.world.kill(engine)

    @precondition(lambda self: self.world.hands or self.world.steps)
    @rule()
    def restart(self) -> None:
        """Every process ends; the one that starts on this file takes every lease back."""
        self.world.restart()

    @rule(engine=ENGINES)
    def renew(self, engine: str) -> None:
        self.world.renew(engine)

    # What the provider does.

    @precondition(lambda self: self.world.provider.waiting)
    @rule(data=st.data(), fate=FATES)
    def tell(self, data: st.DataObject, fate: str) -> None:
        """Go on with a request that has arrived."""
        self.world.decide(data.draw(st.sampled_from(self.world.provider.waiting), "request"), fate)

    @precondition(lambda self: self.world.provider.paid)
    @rule(data=st.data())
    def call_back(self, data: st.DataObject) -> None:
        """Tell of a job: before its answer, after it, long after its end, or once more."""
        request = data.draw(st.sampled_from(self.world.provider.paid), "request")
        upstream = str(request.operation["id"]).encode()
        self.ask(self.world.callbacks.take("fal", request.submission, {}, upstream))

    # What clients and the world do.

    @precondition(lambda self: len(self.world.progress) < MOST_VIDEOS)
    @rule(n=st.integers(1, 2))
    def create(self, n: int) -> None:
        self.ask(self.world.bench.create(n=n, model="grok-imagine-video"))

    @precondition(lambda self: len(self.world.progress) > 1)  # or most would end soon
    @rule(data=st.data(), forget=st.booleans())
    def stop(self, data: st.DataObject, *, forget: bool) -> None:
        """Cancel or delete."""
        video_id = data.draw(st.sampled_from(list(self.world.progress)), "video")
        videos = self.world.bench.videos
        self.ask(videos.delete(OWNER, video_id) if forget else videos.cancel(OWNER, video_id), "video_not_found")

    @rule(seconds=st.sampled_from([20.0, 31.0, 31.0, 61.0, 61.0, 700.0, 4000.0]))
    def wait(self, seconds: float) -> None:
        self.world.bench.clock.now += seconds

    @rule(away=st.sampled_from([False, False, True]))
    def leave(self, *, away: bool) -> None:
        self.world.leave(away=away)

    def ask(self, work: Coroutine[object, object, object], allowed: str = "") -> None:
        """Do what a client asks for; it may be told that the database is away."""
        try:
            self.world.run(work)
        except DatabaseUnavailable:
            assert self.world.database.away
        except GatewayError as error:
            if error.code != allowed:
                raise

    # What must hold after every one of them.

    @invariant()
    def holds(self) -> None:
        if self.world.is_open:
            self.world.check()

    def teardown(self) -> None:
        """Everything ends at last, and every paid job is known, or flagged where nobody could tell."""
        try:
            if self.world.is_open:
                self.world.drain()
        finally:
            self.world.close()


@pytest.fixture(autouse=True)
def _a_database_that_leaves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have benches open one, with tables that were made once; while it is away nobody waits in real time."""
    made = tmp_path / "template.sqlite3"

    async def make() -> None:
        database = SqliteDatabase(made)
        await database.migrate()
        await database.close()

    asyncio.run(make())

    def copy(folder: Path) -> SqliteDatabase:
        shutil.copy(made, folder / "db.sqlite3")
        return Leaving(folder / "db.sqlite3")

    monkeypatch.setattr(bench, "new_database", copy)
    monkeypatch.setattr(context, "_PERSIST_SECONDS", (0.0, 0.0))


def play(examples: int, steps: int) -> None:
    slow = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=slow,
        phases=set(Phase) - {Phase.shrink},  # which takes many minutes
    )
    run_state_machine_as_test(Machine, settings=chosen)


def test_nothing_is_lost_or_paid_twice_in_any_order() -> None:
    play(20, 40)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_nothing_is_lost_or_paid_twice_in_any_of_many_orders() -> None:
    play(1000, 80)
