"""Creates while a thousand clients wait, half by long poll and half by events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.results import Row
from bench.waiting import measure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.results import Options

_WAITERS, _RATE, _SLOWEST_MS = 1_000, 200.0, 250


def rows(options: Options) -> Iterator[Row]:
    """Measure creates without waiters, then with."""
    found = measure(_WAITERS, options.seconds, _RATE)
    yield Row(
        f"{_WAITERS:,} clients wait, {_RATE:.0f} creates/s arrive",
        f"no create over {_SLOWEST_MS} ms",
        f"slowest {found.creates_max_ms} ms, p50 {found.creates_p50_ms} ms, {found.kib_per_waiter} KiB per waiter",
        f"slowest {found.creates_alone_max_ms} ms, p50 {found.creates_alone_p50_ms} ms; nobody waits",
        found.creates_max_ms / max(1, found.creates_alone_max_ms),
        found.creates_max_ms <= _SLOWEST_MS and found.still_waiting == _WAITERS,
    )
