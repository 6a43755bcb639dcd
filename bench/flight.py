"""Jobs in flight on one gateway: its memory, and how late its polls are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.polling import measure
from bench.results import Row, absent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.results import Options

_INTERVAL = 10.0  # seconds; what a gateway that is left alone comes to for long jobs
_CASES = ((2_000, 200), (10_000, 300))  # jobs, MiB
_LATE_MS = 1000


def rows(options: Options) -> Iterator[Row]:
    """Measure each number of jobs; the large one takes minutes."""
    for jobs, most in _CASES:
        what, goal = f"{jobs:,} jobs in flight, a poll each {_INTERVAL:g} s", f"RSS ≤{most} MiB, p99 late ≤1 s"
        if jobs > _CASES[0][0] and not options.full:
            yield absent(what, goal, "only with --full")
            continue
        found = measure(jobs, _INTERVAL, 10 * options.seconds)
        yield Row(
            what,
            goal,
            f"RSS {found.rss_mib} MiB, p99 {found.late_p99_ms} ms late, {found.cpu_ms_per_poll:.1f} ms CPU per poll",
            f"RSS {found.rss_empty_mib} MiB; no jobs",
            found.rss_mib / found.rss_empty_mib,
            found.rss_mib <= most and found.late_p99_ms <= _LATE_MS,
        )
