"""Everything of a run: the fake provider, the proxies, the database and the replicas, each a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tests.crash.proxy import Proxy
from tests.ports import free_port
from tests.postgres import Server, cluster
from tests.upstreams import fal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_START_SECONDS = 60.0
ADMIN_KEY = "planted-admin-key-0123456789abcdef"
SECRETS = (ADMIN_KEY, fal.KEY, fal.KEY.partition(":")[2])  # must never be in a log


@dataclass(frozen=True)
class Plan:
    """How a run is set up. Times in seconds; `cuts` is the share of submits whose answer is cut on its way.

    `resubmit` makes the replicas send again what they cannot know, which pays twice: the harness must notice.
    """

    database: Literal["sqlite", "postgres"] = "sqlite"
    replicas: int = 1
    seed: int = 1
    lease: float = 5.0
    settle: float = 20.0
    shortest: float = 0.5
    longest: float = 4.0
    delay: float = 0.3
    cuts: float = 0.0
    callbacks: bool = True
    resubmit: bool = False
    pictures: Literal["inside", "child"] = "inside"


class Program:
    """A helper process that speaks JSON lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, module: str, *arguments: str) -> Program:
        """Run `python -m module`."""
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                module,
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=_environment(),
            )
        )

    async def hear(self) -> dict[str, Any]:
        """Return its next line."""
        assert self._process.stdout
        line = await self._process.stdout.readline()
        if not line:
            raise EOFError("the helper ended")
        message: dict[str, Any] = json.loads(line)
        return message

    def say(self, message: dict[str, Any]) -> None:
        """Send it a line."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def end(self) -> None:
        """Close its stdin and wait."""
        assert self._process.stdin
        self._process.stdin.close()
        await self._process.wait()


class Nursery:
    """Starts replicas (see nursery.py) and knows which have exited."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._born: asyncio.Queue[int] = asyncio.Queue()
        self._exits: dict[int, asyncio.Future[int]] = {}
        self._ordering = asyncio.Lock()
        self._listener = asyncio.create_task(self._listen())

    async def fork(self, log: Path, environment: dict[str, str], *arguments: str) -> int:
        """Start a replica and return its pid."""
        async with self._ordering:
            self._program.say({"log": str(log), "environment": environment, "arguments": arguments})
            return await self._born.get()

    async def exited(self, pid: int) -> int:
        """Wait for its exit status; negative is a signal."""
        return await asyncio.shield(self._exits[pid])

    def has_exited(self, pid: int) -> bool:
        """Say whether it has."""
        return self._exits[pid].done()

    async def end(self) -> None:
        """Kill what still runs."""
        self._listener.cancel()
        await self._program.end()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(EOFError):
            while True:
                message = await self._program.hear()
                if "pid" in message:
                    self._exits[message["pid"]] = loop.create_future()
                    self._born.put_nowait(message["pid"])
                elif "exited" in message:
                    self._exits[message["exited"]].set_result(message["status"])


@dataclass
class Replica:
    """A gateway on a port of its own, started and ended as often as wanted."""

    number: int
    system: System
    port: int
    role: tuple[str, ...] = ("serve",)
    pid: int = 0
    starts: list[float] = field(default_factory=list)

    async def launch(self, **more: str) -> None:
        """Start it without waiting until it is ready."""
        system = self.system
        environment = {**_environment(), **system.settings, "REELGATE_PORT": str(self.port), **more}
        self.pid = await system.nursery.fork(system.log, environment, *self.role)

    async def start(self, **more: str) -> None:
        """Start it and wait until it is ready."""
        began = time.monotonic()
        await self.launch(**more)
        await self.ready(began)

    async def ready(self, began: float) -> None:
        """Wait until it answers."""
        while time.monotonic() < began + _START_SECONDS:
            if self.system.nursery.has_exited(self.pid):
                raise AssertionError(f"the replica ended at its start: {self.system.last_words()}")
            with suppress(httpx.HTTPError):
                if (await self.system.probe.get(f"http://127.0.0.1:{self.port}/readyz")).is_success:
                    self.starts.append(time.monotonic() - began)
                    return
            await asyncio.sleep(0.02)
        raise AssertionError(f"the replica was not ready in {_START_SECONDS:g} s: {self.system.last_words()}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def kill(self) -> float:
        """SIGKILL it; returns when (unix seconds)."""
        self.signal(signal.SIGKILL)
        moment = time.time()
        await self.system.nursery.exited(self.pid)
        return moment

    async def terminate(self) -> tuple[int, float]:
        """SIGTERM it; returns its exit status and how long it took."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        status = await self.system.nursery.exited(self.pid)
        return status, time.monotonic() - began


@dataclass
class System:
    """A run's processes. `door` is the address of all replicas, `wire` the way to the provider."""

    plan: Plan
    folder: Path
    nursery: Nursery
    control: str
    door: Proxy
    wire: Proxy
    database: AsyncEngine
    settings: dict[str, str]
    probe: httpx.AsyncClient
    postgres: Server | None
    replicas: list[Replica] = field(default_factory=list)

    @property
    def log(self) -> Path:
        """What every replica logs, mixed."""
        return self.folder / "log"

    def last_words(self) -> str:
        """Return the end of the log."""
        return self.log.read_text(errors="replace")[-1500:] if self.log.exists() else ""

    async def seen(self) -> dict[str, Any]:
        """Return what the provider has seen: the oracle."""
        answer = await self.probe.get(f"{self.control}/seen", timeout=120)
        told: dict[str, Any] = answer.raise_for_status().json()
        return told

    async def rows(self, query: str, **values: float) -> list[Any]:
        """Read the database from outside."""
        async with self.database.connect() as connection:
            return list((await connection.execute(text(query), values)).all())


@asynccontextmanager
async def running(plan: Plan, folder: Path) -> AsyncIterator[System]:
    """Set a run up, with its replicas not started yet."""
    async with AsyncExitStack() as stack:
        upstream = await Program.start(
            "tests.crash.upstream",
            *(f"--{name}={getattr(plan, name)}" for name in ("shortest", "longest", "delay", "seed")),
        )
        stack.push_async_callback(upstream.end)
        nursery_program = await Program.start("tests.crash.nursery")
        where = await upstream.hear()
        await nursery_program.hear()
        nursery = Nursery(nursery_program)
        stack.push_async_callback(nursery.end)
        host, port = where["url"].removeprefix("http://").split(":")
        chance = random.Random(plan.seed)  # noqa: S311 - the seed makes a run repeatable
        wire = Proxy([(host, int(port))], chance, rate=plan.cuts)
        await wire.start()
        stack.push_async_callback(wire.stop)
        ports = [free_port() for _ in range(plan.replicas)]
        door = Proxy([("127.0.0.1", port) for port in ports], chance)
        await door.start()
        stack.push_async_callback(door.stop)
        postgres = stack.enter_context(cluster()) if plan.database == "postgres" else None
        data = folder / "data"
        url = (
            postgres.url("gateway")
            if postgres
            else f"sqlite+aiosqlite:///file:{data}/reelgate.sqlite3?mode=ro&uri=true"
        )
        database = create_async_engine(url, pool_pre_ping=postgres is not None)
        stack.push_async_callback(database.dispose)
        settings = {
            "REELGATE_DATA_DIR": str(data),
            "REELGATE_PROVIDERS": "fal",
            "REELGATE_ADMIN_KEY": ADMIN_KEY,
            "REELGATE_LEASE_SECONDS": str(plan.lease),
            "REELGATE_SETTLE_SECONDS": str(plan.settle),
            "REELGATE_LOG_FORMAT": "json",
            "FAL_KEY": fal.KEY,
            **dict.fromkeys(("REELGATE_FAL_QUEUE_URL", "REELGATE_FAL_REST_URL", "REELGATE_FAL_API_URL"), wire.url),
            "CRASH_PICTURES": plan.pictures,
            **({"REELGATE_RESUBMIT_UNKNOWN": "fal"} if plan.resubmit else {}),
            **({"REELGATE_PUBLIC_URL": door.url} if plan.callbacks else {}),
            **({"REELGATE_DATABASE_URL": url} if postgres else {}),
        }
        probe = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=10))
        system = System(plan, folder, nursery, where["control"], door, wire, database, settings, probe, postgres)
        system.replicas = [Replica(number, system, port) for number, port in enumerate(ports)]
        yield system


def _environment() -> dict[str, str]:
    """Return our environment without settings of a developer's own; coverage cannot follow a SIGKILL."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE", "REELGATE_", "COV_"))}
