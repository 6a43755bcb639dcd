"""How late polls are, and what they cost, with many jobs in flight on one gateway.

`python -m bench.polling --jobs 1000 --interval 5 --seconds 60` prints one JSON line. Lateness is measured where the
polls arrive: the time between two polls of one job, less the interval; so it includes the answer to the first.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from bench.processes import cpu_seconds, gateway, rss_mib, upstream

_MOST_PER_VIDEO = 10  # outputs


@dataclass(frozen=True)
class Found:
    """What was measured; times in milliseconds unless the name says seconds."""

    jobs: int
    interval_s: float
    created_s: float
    polls: int
    expected_polls: int
    late_p50_ms: int
    late_p99_ms: int
    cpu_ms_per_poll: float
    cpu_share: float
    rss_mib: int
    rss_empty_mib: int


def measure(jobs: int, interval: float, seconds: float) -> Found:
    """Fill the gateway, let it settle for two intervals, watch it for `seconds`."""
    with tempfile.TemporaryDirectory() as folder, upstream() as url:
        settings = {"XAI_API_KEY": "key", "REELGATE_XAI_URL": f"{url}/v1", "REELGATE_POLL_SECONDS": str(interval)}
        with gateway(Path(folder), **settings) as server:
            http, empty, began = server.http, rss_mib(server.pid), time.monotonic()
            for _ in range(jobs // _MOST_PER_VIDEO):
                http.post("/v1/videos", json={"prompt": "clip", "n": _MOST_PER_VIDEO, "seconds": 4}).raise_for_status()
            created = time.monotonic() - began
            while http.get("/v1/videos", params={"limit": 1, "status": "queued"}).json()["data"]:
                time.sleep(0.5)
            time.sleep(2 * interval)
            httpx.get(f"{url}/reset", timeout=60)
            spent, began = cpu_seconds(server.pid), time.monotonic()
            time.sleep(seconds)
            spent, passed = cpu_seconds(server.pid) - spent, time.monotonic() - began
            late = sorted(gap - interval for gap in httpx.get(f"{url}/gaps", timeout=60).json())
            return Found(
                jobs=jobs,
                interval_s=interval,
                created_s=round(created, 1),
                polls=len(late),
                expected_polls=round(jobs * passed / interval),
                late_p50_ms=round(1000 * late[len(late) // 2]),
                late_p99_ms=round(1000 * late[len(late) * 99 // 100]),
                cpu_ms_per_poll=round(1000 * spent / len(late), 2),
                cpu_share=round(spent / passed, 2),
                rss_mib=round(rss_mib(server.pid)),
                rss_empty_mib=round(empty),
            )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--interval", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    found = measure(options.jobs, options.interval, options.seconds)
    sys.stdout.write(json.dumps(asdict(found)) + "\n")


if __name__ == "__main__":
    main()
