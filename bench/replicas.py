"""Creates on Postgres: two replicas with 16 connections each against one with 32."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.creates import BODY, PATHS
from bench.processes import gateway, upstream_settings
from bench.results import Row, absent
from bench.wrk import CONNECTIONS, Target, median, run, together
from tests.postgres import binaries, cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.results import Options

_MORE = 1.5
_WHAT, _GOAL = "creates on Postgres, 2 replicas", f"≥{_MORE} of 1 replica, where cores allow"


def rows(options: Options) -> Iterator[Row]:
    """Measure one, then both, in turn; the second rests while the first is alone."""
    if binaries() is None:
        yield absent(_WHAT, _GOAL, "Postgres is not installed (initdb, pg_ctl)")
        return
    with tempfile.TemporaryDirectory() as name, upstream_settings() as settings, cluster() as postgres:
        shared = {**settings, "REELGATE_DATABASE_URL": postgres.url("bench")}
        with (
            gateway(Path(name, "1"), **shared) as first,
            gateway(Path(name, "2"), key=first.key, **shared) as second,
        ):
            targets = [Target(server, PATHS, BODY) for server in (first, second)]
            together(targets, 1, CONNECTIONS // 2)
            one, two = [], []
            for _ in range(options.rounds):
                one.append(run(targets[0], options.seconds))
                two.append(together(targets, options.seconds, CONNECTIONS // 2))
    alone = median(one).per_second
    both = statistics.median(sum(load.per_second for load in loads) for loads in two)
    yield Row(_WHAT, _GOAL, f"{both:,.1f}/s", f"{alone:,.1f}/s; 1 replica", both / alone, both / alone >= _MORE)
