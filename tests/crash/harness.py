"""Break replicas while they work, and check that nothing is lost, paid twice or half-done.

    python -m tests.crash.harness kills --database postgres --replicas 2 --jobs 10000 --kills 1000 --seed 1

Prints one table, with the command that makes the same run again, and ends with status 1 where an invariant was broken.
docs/reliability.md has the method. The fake provider's ledger is the oracle, never our own database.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import signal
import sys
import tempfile
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from tests.crash import scenarios
from tests.crash.failpoints import POINTS
from tests.crash.idempotency import one_key
from tests.crash.migrations import crash_migrations
from tests.crash.system import Plan, running

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.crash.checks import Verdict
    from tests.crash.system import System

Scenario: TypeAlias = "Callable[[System, int, int], Awaitable[Verdict]]"

_MIGRATION = "mid-migration"


def _under_load(trouble: Callable[[scenarios.Run, int], Awaitable[None]], what: str) -> Scenario:
    async def run(system: System, jobs: int, times: int) -> Verdict:
        return await scenarios.with_load(system, jobs, times, trouble, what)

    return run


SCENARIOS: dict[str, Scenario] = {
    "kills": _under_load(scenarios.kill, "kills"),
    "stalls": _under_load(scenarios.stall, "stalls"),
    "rolling": _under_load(scenarios.roll, "rolling restarts"),
    "restarts": _under_load(scenarios.restart_postgres, "Postgres restarts"),
    "mix": _under_load(scenarios.mix, "crashes"),
    "idempotency": one_key,
    **{name: _under_load(scenarios.crash_at(name), f"crashes {name}") for name in POINTS if name != _MIGRATION},
    _MIGRATION: crash_migrations,
}
_SIZES = {
    "mix": (60, 30),
    "kills": (2000, 200),
    "stalls": (2000, 200),
    "rolling": (2000, 200),
    "restarts": (1000, 50),
    "idempotency": (100, 50),
}
_EACH = (400, 100)  # outputs and crashes of one failpoint
_TWO = ("--database", "postgres", "--replicas", "2")
FULL = (  # what docs/reliability.md has figures of
    ("kills", *_TWO, "--jobs", "10000", "--times", "1000"),
    ("kills", "--jobs", "2000", "--times", "200"),
    ("failpoints", *_TWO),
    ("stalls", *_TWO, "--lease", "3"),
    ("rolling", *_TWO),
    ("restarts", *_TWO),
    ("idempotency", *_TWO),
)


def play(name: str, plan: Plan, jobs: int, times: int) -> Verdict:
    """Run one scenario in a folder that is removed afterwards."""

    async def go(folder: str) -> Verdict:
        me = asyncio.current_task()
        assert me
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, me.cancel)  # what was started is stopped
        async with running(plan, Path(folder)) as system:
            return await SCENARIOS[name](system, jobs, times)

    began, before = time.monotonic(), _cpu()
    with tempfile.TemporaryDirectory(prefix="reelgate-crash-") as folder:
        verdict = asyncio.run(go(folder))
    verdict.counts["took (s)"] = round(time.monotonic() - began)
    verdict.counts["CPU of all processes but Postgres (s)"] = round(_cpu() - before)
    return verdict


def _cpu() -> float:
    """Return the CPU seconds of this process and of its descendants that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def table(title: str, verdict: Verdict) -> str:
    """Write the counts down, and every breach."""
    rows = [title, *(f"  {name:<46} {value}" for name, value in verdict.counts.items())]
    shown = [f"  BROKEN {breach}" for breach in verdict.breaches[:20]]
    more = [f"  … and {len(verdict.breaches) - 20} more"] if len(verdict.breaches) > 20 else []
    return "\n".join([*rows, *(shown or ["  every invariant held"]), *more, ""])


def main() -> None:
    """Run from the command line."""
    if sys.argv[1:] == ["full"]:
        held = [command(list(arguments)) for arguments in FULL]  # all of them, whatever the first one says
        sys.exit(int(not all(held)))
    sys.exit(int(not command(sys.argv[1:])))


def command(arguments: list[str]) -> bool:
    """Run what the arguments say; returns whether every invariant held."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.harness", description=__doc__)
    parser.add_argument(
        "scenario", choices=[*SCENARIOS, "failpoints"], help="`failpoints`: each; `full`, alone: everything"
    )
    parser.add_argument("--jobs", type=int, help="outputs to make; idempotency: sends at once")
    parser.add_argument("--times", "--kills", type=int, dest="times", help="how often it happens")
    for field in fields(Plan):
        kind = type(field.default)
        if kind is bool:
            parser.add_argument(f"--{field.name}", action=argparse.BooleanOptionalAction, default=field.default)
        else:
            parser.add_argument(f"--{field.name}", type=kind, default=field.default)
    options = parser.parse_args(arguments)
    plan = replace(Plan(), **{field.name: getattr(options, field.name) for field in fields(Plan)})
    held = True
    for name in POINTS if options.scenario == "failpoints" else [options.scenario]:
        jobs, times = _SIZES.get(name, _EACH)
        jobs, times = options.jobs or jobs, options.times or times
        verdict = play(name, plan, jobs, times)
        setting = f"--database {plan.database} --replicas {plan.replicas} --seed {plan.seed} --lease {plan.lease:g}"
        title = f"python -m tests.crash.harness {name} --jobs {jobs} --times {times} {setting}"
        sys.stdout.write(table(title, verdict))
        sys.stdout.flush()
        held = held and not verdict.breaches
    return held


if __name__ == "__main__":
    main()
