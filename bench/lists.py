"""Lists: GET /v1/videos?limit=20 with many stored videos, with few, and a bare route that answers as much."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.bare import bare
from bench.processes import gateway
from bench.results import Row
from bench.store import fill
from bench.wrk import Target, in_turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.results import Options

_PATHS = ("/v1/videos?limit=20",)
_MANY, _FEW = 100_000, 1_000
_SHARE, _FLAT = 0.3, 0.8  # of the bare route's throughput; of that with few


def rows(options: Options) -> Iterator[Row]:
    """Measure the three in turn."""
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name, str(count)) for count in (_MANY, _FEW)]
        keys = [fill(folder, count) for folder, count in zip(folders, (_MANY, _FEW), strict=True)]
        local = {"REELGATE_PROVIDERS": "local"}
        with (
            gateway(folders[0], key=keys[0], **local) as full,
            gateway(folders[1], key=keys[1], **local) as small,
            bare(full.http.get(_PATHS[0]).json()) as ceiling,
        ):
            servers = (full, small, ceiling)
            many, few, limit = in_turn([Target(server, _PATHS) for server in servers], options.seconds, options.rounds)
    share, flat = many.per_second / limit.per_second, many.per_second / few.per_second
    what = f"GET {_PATHS[0]}, {_MANY:,} videos stored"
    found = f"{many.per_second:,.0f}/s, {many.cpu_ms:.2f} ms CPU each"
    yield Row(
        what,
        f"≥{_SHARE} of the bare route",
        found,
        f"{limit.per_second:,.0f}/s, {limit.cpu_ms:.2f} ms; bare route",
        share,
        share >= _SHARE,
    )
    yield Row(
        "the same, against few videos",
        f"≥{_FLAT} of that with {_FEW:,}",
        found,
        f"{few.per_second:,.0f}/s, {few.cpu_ms:.2f} ms; {_FEW:,} videos",
        flat,
        flat >= _FLAT,
    )
