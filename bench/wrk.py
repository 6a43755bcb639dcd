"""Drives a server with wrk, and two servers in turn, so that the machine's other work hits both."""

from __future__ import annotations

import json
import secrets
import shutil
import statistics
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.processes import bearer, cpu_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.processes import Served

CONNECTIONS = 32
_SCRIPT = Path(__file__).parent / "wrk.lua"


@dataclass(frozen=True)
class Load:
    """What came of one run, or the medians of several; `cpu_ms` is what the server's process took per request."""

    per_second: float
    mib_per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_ms: float = 0.0


@dataclass(frozen=True)
class Target:
    """What is asked of a server: its paths in turn; with a `body` they are posted to, NUMBER in it being another.

    Each connection waits `pause_ms` before each request.
    """

    server: Served
    paths: Sequence[str]
    body: str | None = None
    pause_ms: int = 0


def installed() -> bool:
    """Say whether there is a wrk."""
    return shutil.which("wrk") is not None


def run(target: Target, seconds: float, connections: int = CONNECTIONS) -> Load:
    """Drive one server. Raises RuntimeError where a request failed."""
    return together([target], seconds, connections)[0]


def together(targets: Sequence[Target], seconds: float, connections: int = CONNECTIONS) -> list[Load]:
    """Drive several at once, each with so many connections. Raises RuntimeError where a request failed."""
    spent = [cpu_seconds(target.server.pid) for target in targets]
    with tempfile.TemporaryDirectory() as folder:
        running = [
            _start(target, seconds, connections, Path(folder, str(number))) for number, target in enumerate(targets)
        ]
        loads = [_finish(process) for process in running]
    return [
        replace(load, cpu_ms=1000 * (cpu_seconds(target.server.pid) - before) / max(1.0, load.per_second * seconds))
        for target, load, before in zip(targets, loads, spent, strict=True)
    ]


def _start(target: Target, seconds: float, connections: int, paths: Path) -> subprocess.Popen[str]:
    paths.write_text("\n".join(target.paths), encoding="utf-8")
    headers = {"content-type": "application/json", **(bearer(target.server.key) if target.server.key else {})}
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "30s", "-s", str(_SCRIPT)]
    command += [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    command += [target.server.url, "--", str(paths), secrets.token_hex(4), str(target.pause_ms)]
    command += [target.body] if target.body else []
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _finish(process: subprocess.Popen[str]) -> Load:
    said = process.communicate()[0]
    if process.returncode:
        raise RuntimeError(f"wrk ended with status {process.returncode}: {said}")
    found = json.loads(said.splitlines()[-1])
    if found["errors"]:
        raise RuntimeError(f"{found['errors']} of {found['requests']} requests failed")
    seconds = found["seconds"]
    return Load(
        per_second=found["requests"] / seconds,
        mib_per_second=found["bytes"] / seconds / (1 << 20),
        p50_ms=found["p50_ms"],
        p99_ms=found["p99_ms"],
        max_ms=found["max_ms"],
    )


def in_turn(targets: Sequence[Target], seconds: float, rounds: int, connections: int = CONNECTIONS) -> list[Load]:
    """Drive each for `seconds`, `rounds` times over, after a second to warm up; return the medians of each."""
    for target in targets:
        run(target, 1, connections)
    runs: list[list[Load]] = [[] for _ in targets]
    for _ in range(rounds):
        for target, found in zip(targets, runs, strict=True):
            found.append(run(target, seconds, connections))
    return [median(found) for found in runs]


def median(loads: Sequence[Load]) -> Load:
    """Return the median of each figure. Raises RuntimeError where nothing was answered."""
    if not all(load.mib_per_second for load in loads):
        raise RuntimeError("no request was answered in time; --seconds may help on a busy machine")
    return Load(*(statistics.median(figures) for figures in zip(*(vars(load).values() for load in loads), strict=True)))
