"""A status read against a bare FastAPI route, by the processor time of the server, which other work hardly changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.bare import bare
from bench.processes import cpu_seconds, gateway, upstream_settings
from bench.reads import running

if TYPE_CHECKING:
    from pathlib import Path

    from bench.processes import Served

READS = 500
MOST = 3.3  # times the bare route's processor time; it is about as much
TRIES = 3


def test_a_status_read_costs_no_more_than_three_bare_routes(tmp_path: Path) -> None:
    with upstream_settings() as settings, gateway(tmp_path, **settings) as ours:
        path = running(ours, 1)[0]
        with bare(ours.http.get(path).json()) as limit:
            ratios = []
            for _ in range(TRIES):
                ratios.append(_cost(ours, path) / _cost(limit, path))
                if ratios[-1] <= MOST:
                    return
    raise AssertionError(f"the processor time of a bare route, times {ratios}")


def _cost(server: Served, path: str) -> float:
    """Return the processor time in seconds that reads take."""
    before = cpu_seconds(server.pid)
    for _ in range(READS):
        server.http.get(path).raise_for_status()
    return cpu_seconds(server.pid) - before
