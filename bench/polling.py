"""How late polls are, and what they cost, with many jobs in flight on one gateway.

`python -m bench.polling --jobs 1000 --interval 5 --seconds 60` prints one JSON line. Lateness is measured where the
polls arrive: the time between two polls of one job, less the interval; so it includes the answer to the first.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

_TICKS = os.sysconf("SC_CLK_TCK")
_MOST_PER_VIDEO = 10  # outputs


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of a process and its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / _TICKS


def rss_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@contextmanager
def upstream() -> Iterator[str]:
    """Run `bench.upstream` in a process of its own and give its address."""
    with subprocess.Popen([sys.executable, "-m", "bench.upstream"], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip() if process.stdout else 0}"
        finally:
            process.kill()


@contextmanager
def gateway(folder: str, port: int, **settings: str) -> Iterator[tuple[httpx.Client, int]]:
    """Run `reelgate serve` and give a client and its process id."""
    environment = {
        **os.environ,
        "REELGATE_DATA_DIR": folder,
        "REELGATE_PORT": str(port),
        "REELGATE_LOG_LEVEL": "warning",
        **settings,
    }
    command = [sys.executable, "-P", "-m", "app", "serve"]
    with (
        Path(folder, "log").open("ab") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
                while True:
                    try:
                        if http.get("/readyz").is_success:
                            break
                    except httpx.HTTPError:
                        time.sleep(0.05)
                yield http, process.pid
        finally:
            process.terminate()


def measure(jobs: int, interval: float, seconds: float, port: int) -> dict[str, object]:
    """Fill the gateway, let it settle for two intervals, watch it for `seconds`."""
    with tempfile.TemporaryDirectory() as folder, upstream() as url:
        settings = {"XAI_API_KEY": "key", "REELGATE_XAI_URL": f"{url}/v1", "REELGATE_POLL_SECONDS": str(interval)}
        with gateway(folder, port, **settings) as (http, pid):
            began = time.monotonic()
            for _ in range(jobs // _MOST_PER_VIDEO):
                http.post("/v1/videos", json={"prompt": "clip", "n": _MOST_PER_VIDEO, "seconds": 4}).raise_for_status()
            created = time.monotonic() - began
            while http.get("/v1/videos", params={"limit": 1, "status": "queued"}).json()["data"]:
                time.sleep(0.5)
            time.sleep(2 * interval)
            httpx.get(f"{url}/reset", timeout=60)
            spent, began = cpu_seconds(pid), time.monotonic()
            time.sleep(seconds)
            spent, passed = cpu_seconds(pid) - spent, time.monotonic() - began
            late = sorted(gap - interval for gap in httpx.get(f"{url}/gaps", timeout=60).json())
            return {
                "jobs": jobs,
                "interval_s": interval,
                "created_s": round(created, 1),
                "polls": len(late),
                "expected_polls": round(jobs * passed / interval),
                "late_p50_ms": round(1000 * late[len(late) // 2]),
                "late_p99_ms": round(1000 * late[len(late) * 99 // 100]),
                "cpu_ms_per_poll": round(1000 * spent / len(late), 2),
                "cpu_share": round(spent / passed, 2),
                "rss_mib": round(rss_mib(pid)),
            }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--interval", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--port", type=int, default=8765)
    options = parser.parse_args()
    found = measure(options.jobs, options.interval, options.seconds, options.port)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
