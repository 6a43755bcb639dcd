"""Process start to ready, memory at rest, and what an installation weighs."""

from __future__ import annotations

import statistics
import tempfile
import time
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

from bench.bare import bare
from bench.processes import gateway, rss_mib
from bench.results import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.results import Options

_READY_SECONDS, _RSS_MIB, _INSTALLED_MIB = 1.2, 100, 300
_REST_SECONDS = 2.0
_LOCK = Path(__file__).parent.parent / "requirements.lock"


def rows(options: Options) -> Iterator[Row]:
    """Start a gateway and a bare app in turn, on a data folder that is there."""
    starts, bare_starts, rss, bare_rss = [], [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder, local = Path(name), {"REELGATE_PROVIDERS": "local"}
        with gateway(folder, **local) as first:
            key = first.key
        for _ in range(options.rounds):
            with gateway(folder, key=key, **local) as server:
                time.sleep(_REST_SECONDS)
                starts.append(server.seconds)
                rss.append(rss_mib(server.pid))
            with bare({}) as ceiling:
                time.sleep(_REST_SECONDS)
                bare_starts.append(ceiling.seconds)
                bare_rss.append(rss_mib(ceiling.pid))
    ready, least = statistics.median(starts), statistics.median(bare_starts)
    rest, bare_rest = statistics.median(rss), statistics.median(bare_rss)
    yield Row(
        "process start to ready",
        f"≤{_READY_SECONDS} s",
        f"{ready:.1f} s, the first {first.seconds:.1f} s",
        f"{least:.1f} s; bare route",
        ready / least,
        ready <= _READY_SECONDS,
    )
    yield Row(
        "RSS at rest",
        f"≤{_RSS_MIB} MiB",
        f"{rest:.0f} MiB",
        f"{bare_rest:.0f} MiB; bare route",
        rest / bare_rest,
        rest <= _RSS_MIB,
    )
    names = [line.partition("==")[0] for line in _LOCK.read_text(encoding="utf-8").split()]
    weight = sum(map(installed_mib, names))
    largest = sorted(names, key=installed_mib)[-3:]
    yield Row(
        "installed size, run-time packages",
        f"≤{_INSTALLED_MIB} MiB",
        f"{weight:.0f} MiB, most in {', '.join(f'{name} {installed_mib(name):.0f}' for name in reversed(largest))}",
        "",
        None,
        weight <= _INSTALLED_MIB,
    )


def installed_mib(name: str) -> float:
    """Return what the files of an installed distribution take."""
    paths = [Path(str(file.locate())) for file in distribution(name).files or ()]
    return sum(path.stat().st_size for path in paths if path.exists()) / (1 << 20)
