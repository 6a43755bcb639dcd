"""Status reads: GET /v1/videos/{id} of 100 videos that are under way, against a bare FastAPI route."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.bare import bare
from bench.processes import gateway, upstream_settings
from bench.results import Row
from bench.wrk import Target, in_turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.processes import Served
    from bench.results import Options

_VIDEOS = 100
_SHARE, _SLOWER = 0.9, 1.5  # of the bare route's throughput, times its p99


def rows(options: Options) -> Iterator[Row]:
    """Measure both in turn."""
    with (
        tempfile.TemporaryDirectory() as folder,
        upstream_settings() as settings,
        gateway(Path(folder), **settings) as ours,
    ):
        paths = running(ours, _VIDEOS)
        with bare(ours.http.get(paths[0]).json()) as ceiling:
            found, limit = in_turn([Target(ours, paths), Target(ceiling, paths)], options.seconds, options.rounds)
    ratio, slower = found.per_second / limit.per_second, found.p99_ms / limit.p99_ms
    yield Row(
        "GET /v1/videos/{id}, 32 connections",
        f"≥{_SHARE} of the bare route",
        f"{found.per_second:,.0f}/s, {found.cpu_ms:.2f} ms CPU each",
        f"{limit.per_second:,.0f}/s, {limit.cpu_ms:.2f} ms; bare route",
        ratio,
        ratio >= _SHARE,
    )
    yield Row(
        "the same, p99",
        f"≤{_SLOWER} times the bare route",
        f"{found.p99_ms:.1f} ms",
        f"{limit.p99_ms:.1f} ms; bare route",
        slower,
        slower <= _SLOWER,
    )


def running(server: Served, count: int) -> list[str]:
    """Create videos and return their paths once all are under way, so that nothing changes any more."""
    paths = []
    for number in range(count):
        made = server.http.post("/v1/videos", json={"prompt": f"a calm sea at dawn, {number}", "seconds": 4})
        paths.append(f"/v1/videos/{made.raise_for_status().json()['id']}")
    while server.http.get("/v1/videos", params={"limit": 1, "status": "queued"}).json()["data"]:
        time.sleep(0.1)
    return paths
