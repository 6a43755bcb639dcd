"""What happens to the replicas while clients create videos: one function per kind of trouble."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.crash.checks import Verdict, judge, resumption
from tests.crash.clients import Creators, Watcher, client_of
from tests.crash.failpoints import POINTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import httpx

    from tests.crash.system import Replica, System

_DRAIN_SECONDS = 300.0  # until everything has ended after the last event
_TELL_SECONDS = 15.0
_SECONDS_BETWEEN = (0.1, 0.8)  # two events
_RESUMED_SECONDS = 40.0  # after a kill, until an output is polled again
_ARMED_SECONDS = 90.0  # until a replica has reached its failpoint
_AWAKE_SECONDS = 0.5
_LONGEST_DRAIN = 15.0  # s from SIGTERM to the end


@dataclass
class Run:
    """A run under way: its clients and what was counted so far."""

    system: System
    http: httpx.AsyncClient
    creators: Creators
    watcher: Watcher
    watching: asyncio.Task[None]
    chance: random.Random
    events: list[float] = field(default_factory=list)  # when each kill happened, unix seconds
    unsure: set[str] = field(default_factory=set)  # submissions whose end was unknown when something broke
    counts: dict[str, Any] = field(default_factory=dict)
    breaches: list[str] = field(default_factory=list)

    async def note_submits(self) -> None:
        """Remember which submissions are begun and not answered, as the database has it."""
        rows = await self.system.rows("SELECT id FROM submissions WHERE phase = 'submitting'")
        self.unsure |= {row[0] for row in rows}

    async def pause(self) -> None:
        """Let the system work for a moment."""
        await asyncio.sleep(self.chance.uniform(*_SECONDS_BETWEEN))

    def tell(self, done: int, of: int, what: str) -> None:
        """Show progress."""
        if done % max(1, of // 20) == 0 or done == of:
            live, made = self.watcher.live, self.creators.made
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} {done}/{of} {what}, {made} outputs created, {live} live\n")


@asynccontextmanager
async def session(system: System, jobs: int, most_live: int = 120) -> AsyncIterator[Run]:
    """Start the replicas and the watching client; at the end, stop both."""
    chance = random.Random(system.plan.seed)  # noqa: S311 - the seed makes a run repeatable
    for replica in system.replicas:
        await replica.start()
    async with client_of(system) as http, client_of(system) as eyes:
        watcher = Watcher(eyes)
        creators = Creators(system, http, jobs, chance, lambda: watcher.live, most_live)
        watching = asyncio.create_task(watcher.run())
        try:
            yield Run(system, http, creators, watcher, watching, chance)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            for replica in system.replicas:
                await replica.terminate()


async def with_load(
    system: System, jobs: int, times: int, trouble: Callable[[Run, int], Awaitable[None]], what: str
) -> Verdict:
    """Create `jobs` outputs while `trouble` happens `times` times, evenly spread; then drain and judge."""
    async with session(system, jobs) as run:
        creators = run.creators
        creating = asyncio.create_task(creators.run())
        for number in range(times):
            creators.allowed = jobs * (number + 1) // times
            await trouble(run, number)
            run.tell(number + 1, times, what)
            while creators.made < creators.allowed - creators.most_live and not creating.done():
                await asyncio.sleep(0.1)  # the load must not fall behind the trouble
            if run.watching.done() or creating.done():
                break
        creators.allowed, creators.enough = creators.jobs, True
        await creating
        return await finish(run)


async def finish(run: Run) -> Verdict:
    """Wait until everything has ended, and judge."""
    await _drain(run)
    if run.watching.done():
        run.watching.result()  # raises what ended it
    run.watching.cancel()
    await asyncio.gather(run.watching, return_exceptions=True)
    cuts = run.system.wire.happened.total()
    unsure = len(run.unsure) + cuts
    verdict = await judge(run.system, run.http, run.creators.accepted, run.watcher, unsure)
    starts = [seconds for replica in run.system.replicas for seconds in replica.starts]
    verdict.counts |= run.counts
    if run.events:
        verdict.counts["SIGKILLs in all"] = len(run.events)
    verdict.counts["submits in flight when something broke"] = len(run.unsure)
    verdict.counts["answers cut between gateway and provider"] = cuts
    verdict.counts["slowest start (s)"] = round(max(starts), 2)
    verdict.breaches += run.breaches
    await _measure(run, verdict)
    return verdict


async def _drain(run: Run) -> None:
    """Wait until everything has ended and nothing waits to be cleaned up."""
    began = told = time.monotonic()
    query = (  # a flagged output is looked for in the provider's list for a day, by the cleanup lane
        "SELECT state, count(*) FROM outputs WHERE state NOT IN ('completed', 'failed')"
        " OR ((cleanup OR lease_owner IS NOT NULL) AND error_code IS DISTINCT FROM 'submission_unknown')"
        " GROUP BY state ORDER BY state"
    )
    while (left := await run.system.rows(query)) and not run.watching.done():
        now = time.monotonic()
        text = ", ".join(f"{count} {state}" for state, count in left)
        if now > began + _DRAIN_SECONDS:
            run.breaches.append(f"I1: not done {_DRAIN_SECONDS:g} s after the last event: {text}")
            await _tell_stuck(run)
            return
        if now > told + _TELL_SECONDS:
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} waiting for {text}\n")
            told = now
        await asyncio.sleep(0.5)


async def _tell_stuck(run: Run) -> None:
    """Say of what has not ended how it stands, and when the provider was last asked for it."""
    columns = "id, state, run_at, lease_owner, lease_until, fence, attempts, error_code, operation"
    asked = {upstream_id: at for at, upstream_id in (await run.system.seen())["polls"]}
    for row in await run.system.rows(f"SELECT {columns} FROM outputs WHERE state NOT IN ('completed', 'failed')"):  # noqa: S608 - our own names
        last = next((at for upstream_id, at in asked.items() if upstream_id in str(row[-1])), None)
        sys.stderr.write(f"stuck at {time.time():.0f}: {tuple(row)}, last polled at {last}\n")


async def _measure(run: Run, verdict: Verdict) -> None:
    """How long outputs that were in flight at a kill had to wait for their next poll."""
    if not run.events:
        return
    seen = await run.system.seen()
    waits = resumption(run.events, seen["paid"], seen["polls"])
    if not waits:
        return
    p99 = waits[int(len(waits) * 0.99)]
    verdict.counts["outputs in flight at the kills, each time"] = len(waits)
    verdict.counts["kill to next poll, p50 / p99 / longest (s)"] = (
        f"{waits[len(waits) // 2]:.1f} / {p99:.1f} / {waits[-1]:.1f}"
    )
    if p99 > max(_RESUMED_SECONDS, run.system.plan.lease + 10):
        verdict.breaches.append(f"polling resumed only after {p99:.1f} s (p99)")


def _one(run: Run) -> Replica:
    return run.chance.choice(run.system.replicas)


async def kill(run: Run, _number: int) -> None:
    """SIGKILL one replica at a random moment and start it again."""
    await run.pause()
    replica = _one(run)
    moment = await replica.kill()
    await run.note_submits()
    run.events.append(moment)
    await replica.start()


async def stall(run: Run, _number: int) -> None:
    """SIGSTOP one replica for longer than its lease."""
    await run.pause()
    replica = _one(run)
    replica.signal(signal.SIGSTOP)
    await run.note_submits()
    await asyncio.sleep(run.system.plan.lease * run.chance.uniform(1.1, 1.6))
    await run.note_submits()
    replica.signal(signal.SIGCONT)
    await asyncio.sleep(_AWAKE_SECONDS)
    await run.note_submits()  # what it was about to write when it was stopped
    run.counts["stalls longer than the lease"] = run.counts.get("stalls longer than the lease", 0) + 1


async def roll(run: Run, number: int) -> None:
    """SIGTERM one replica after the other, and start it again when it has ended."""
    await run.pause()
    replica = run.system.replicas[number % len(run.system.replicas)]
    status, took = await replica.terminate()
    run.counts["rolling restarts"] = run.counts.get("rolling restarts", 0) + 1
    run.counts["longest drain (s)"] = max(run.counts.get("longest drain (s)", 0), round(took, 2))
    if status != 0 or took > _LONGEST_DRAIN:
        run.breaches.append(f"a drain took {took:.1f} s and ended with status {status}")
    await replica.start()


async def restart_postgres(run: Run, _number: int) -> None:
    """Crash the database and start it again."""
    await run.pause()
    assert run.system.postgres, "only Postgres can be restarted: --database postgres"
    await run.note_submits()
    await asyncio.to_thread(run.system.postgres.restart, "immediate")
    await run.note_submits()
    run.counts["immediate Postgres restarts"] = run.counts.get("immediate Postgres restarts", 0) + 1


def crash_at(point: str) -> Callable[[Run, int], Awaitable[None]]:
    """Make the trouble of one failpoint: a replica is started armed, and kills itself there."""

    async def trouble(run: Run, _number: int) -> None:
        replica = _one(run)
        run.events.append(await replica.kill())
        await run.note_submits()
        await replica.launch(CRASH_AT=f"{point}:{run.chance.randint(1, 3)}")
        async with asyncio.timeout(_ARMED_SECONDS):
            while not run.system.nursery.has_exited(replica.pid):
                await asyncio.sleep(0.25)
                run.creators.more()  # another replica may have taken what there was to do
        status = await run.system.nursery.exited(replica.pid)
        if status != -signal.SIGKILL:
            raise AssertionError(f"{point}: ended with {status} instead: {run.system.last_words()}")
        run.events.append(time.time())
        await run.note_submits()
        run.counts[f"crashes at {point}"] = run.counts.get(f"crashes at {point}", 0) + 1
        await replica.start()

    return trouble


async def mix(run: Run, number: int) -> None:
    """Kill at random moments, and every third time at the next failpoint."""
    points = [point for point in POINTS if point != "mid-migration"]
    await (crash_at(points[number // 3 % len(points)]) if number % 3 == 2 else kill)(run, number)
