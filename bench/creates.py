"""Creates: POST /v1/videos, durable before the answer, while the engine submits each to an upstream that takes it."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.bare import bare
from bench.processes import gateway, upstream_settings
from bench.results import Row
from bench.wrk import Target, in_turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.results import Options

BODY = '{"model": "grok-imagine-video", "prompt": "a calm sea at dawn, NUMBER", "seconds": 4}'
PATHS = ("/v1/videos",)
_PER_SECOND, _ALONE_MS = 1000.0, 4.0
_PAUSE_MS = 50  # in which the engine ends its work for the create before


def rows(options: Options) -> Iterator[Row]:
    """Measure with 32 connections, then with one, with pauses and without."""
    with (
        tempfile.TemporaryDirectory() as folder,
        upstream_settings() as settings,
        gateway(Path(folder), **settings) as ours,
    ):
        answer = ours.http.post("/v1/videos", json={"prompt": "a calm sea at dawn", "seconds": 4}).json()
        with bare(answer) as ceiling:
            targets = [Target(server, PATHS, BODY) for server in (ours, ceiling)]
            paused = [replace(target, pause_ms=_PAUSE_MS) for target in targets]
            alone, bare_alone = in_turn(paused, options.seconds, options.rounds, connections=1)
            one, _ = in_turn(targets, options.seconds, options.rounds, connections=1)
            many, bare_many = in_turn(targets, options.seconds, options.rounds)
    yield Row(
        "POST /v1/videos, 32 connections",
        f"≥{_PER_SECOND:,.0f}/s",
        f"{many.per_second:,.0f}/s, p99 {many.p99_ms:.0f} ms, {many.cpu_ms:.2f} ms CPU each",
        f"{bare_many.per_second:,.0f}/s, {bare_many.cpu_ms:.2f} ms; bare route, which keeps nothing",
        many.per_second / bare_many.per_second,
        many.per_second >= _PER_SECOND,
    )
    yield Row(
        "POST /v1/videos, a create alone, p50",
        f"≤{_ALONE_MS:g} ms",
        f"{alone.p50_ms:.1f} ms; {one.p50_ms:.1f} where one follows another without a pause",
        f"{bare_alone.p50_ms:.1f} ms; bare route, which keeps nothing",
        alone.p50_ms / bare_alone.p50_ms,
        alone.p50_ms <= _ALONE_MS,
    )
