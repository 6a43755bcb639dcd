"""Crashes in the middle of the first start: the migrations must go on where they were, or begin again."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from alembic.script import ScriptDirectory

from app.db import migrate
from tests.crash.checks import Verdict
from tests.crash.clients import client_of, persist

if TYPE_CHECKING:
    from tests.crash.system import System

_PATIENCE = 120.0  # seconds for a video of a second: the machine may be busy


async def crash_migrations(system: System, _jobs: int, times: int) -> Verdict:
    """Kill a gateway that is making its tables, `times` times, each in a database of its own; then use each."""
    chance = random.Random(system.plan.seed)  # noqa: S311 - the seed makes a run repeatable
    steps = len(list(ScriptDirectory(str(Path(migrate.__file__).parent / "migrations")).walk_revisions()))
    replica, verdict, completed = system.replicas[0], Verdict(), 0
    for number in range(times):
        fresh = {"REELGATE_DATA_DIR": str(system.folder / f"data-{number}")}
        if system.postgres:
            fresh["REELGATE_DATABASE_URL"] = system.postgres.url(f"fresh-{number}")
        step = chance.randint(1, steps)
        await replica.launch(**fresh, CRASH_AT=f"mid-migration:{step}")
        status = await system.nursery.exited(replica.pid)
        assert status == -signal.SIGKILL, f"ended with {status}: {system.last_words()}"
        await replica.start(**fresh)
        completed += await _use(system)
        await replica.kill()
        if (number + 1) % 10 == 0:
            sys.stderr.write(f"{number + 1}/{times} crashes mid-migration\n")
    verdict.counts = {f"crashes between {steps} migrations": times, "videos made afterwards": completed}
    if completed != times:
        verdict.breaches.append(f"I1: only {completed} of {times} gateways worked after a crash in their migrations")
    return verdict


async def _use(system: System) -> bool:
    async with client_of(system) as http:
        wanted = {"prompt": "after a crash.", "seconds": 1, "resolution": "480p"}
        made = await persist(http, "POST", "/v1/videos", json=wanted)
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            video = (await persist(http, "GET", f"/v1/videos/{made.json()['id']}")).json()
            if video["status"] in ("completed", "failed"):
                break
            await asyncio.sleep(0.1)
        if video["status"] != "completed":
            sys.stderr.write(f"{video['id']} is {video['status']}: {video['error']}\n")
        return bool(video["status"] == "completed")
