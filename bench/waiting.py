"""What it costs to have many clients wait, and how soon they hear of an end.

`python -m bench.waiting --waiters 1000` prints one JSON line. The clients are a process of their own (`bench.held`);
nothing happens to their videos meanwhile. With `--database-url` on Postgres. Each waiter is an open file there and in
the gateway: `ulimit -n` must allow it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from bench.processes import ADMIN_KEY, bearer, cpu_seconds, gateway, program, rss_mib, upstream_settings

if TYPE_CHECKING:
    from bench.processes import Served

_VIDEOS = 100
_CREATE_SECONDS = 5.0
_RUNS = 20  # ends that are waited for
_BODY = {"prompt": "clip", "seconds": 4}


@dataclass(frozen=True)
class Found:
    """What was measured; `alone` is without waiters."""

    waiters: int
    still_waiting: int
    cpu_share_alone: float
    cpu_share_with_waiters: float
    kib_per_waiter: int
    creates_alone_p50_ms: int
    creates_alone_max_ms: int
    creates_p50_ms: int
    creates_max_ms: int
    end_to_answer_p50_ms: float
    end_to_answer_max_ms: float


def measure(waiters: int, seconds: float, rate: float, database_url: str = "") -> Found:
    """Run a gateway and measure it."""
    database = {"REELGATE_DATABASE_URL": database_url} if database_url else {}
    with (
        tempfile.TemporaryDirectory() as folder,
        upstream_settings() as settings,
        gateway(Path(folder), **settings, **database) as server,
    ):
        return asyncio.run(watch(server, waiters, seconds, rate))


async def still_waiting(server: Served) -> int:
    """Return how many clients the gateway holds, by its own count."""
    async with httpx.AsyncClient(base_url=server.url, headers=bearer(ADMIN_KEY), trust_env=False) as http:
        said = (await http.get("/metrics")).raise_for_status().text
    return int(float(said.partition("\nreelgate_waiting_clients ")[2].partition("\n")[0]))


async def creates(http: httpx.AsyncClient, rate: float, seconds: float) -> list[float]:
    """Create at a steady rate and return what each took, in milliseconds, in order of size."""

    async def one() -> float:
        began = time.monotonic()
        (await http.post("/v1/videos", json=_BODY)).raise_for_status()
        return 1000 * (time.monotonic() - began)

    tasks, began = [], time.monotonic()
    for number in range(int(rate * seconds)):
        tasks.append(asyncio.create_task(one()))
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
    return sorted(await asyncio.gather(*tasks))


async def lag(http: httpx.AsyncClient) -> list[float]:
    """End videos that are waited for; return the milliseconds from the end's answer to the held one's, in order."""
    found = []
    for _ in range(_RUNS):
        video_id = (await http.post("/v1/videos", json=_BODY)).json()["id"]
        held = asyncio.create_task(http.get(f"/v1/videos/{video_id}?wait=30"))
        await asyncio.sleep(0.2)
        (await http.post(f"/v1/videos/{video_id}/cancel")).raise_for_status()
        ended = time.monotonic()
        await held
        found.append(1000 * (time.monotonic() - ended))
    return sorted(found)


async def watch(server: Served, waiters: int, seconds: float, rate: float) -> Found:
    """Measure a gateway at rest and with waiters, and creates at either; `seconds` is for each rest and each look."""
    pid, limits = server.pid, httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=server.url, headers=bearer(server.key), timeout=90, limits=limits, trust_env=False
    ) as http:
        ids = [(await http.post("/v1/videos", json=_BODY)).json()["id"] for _ in range(_VIDEOS)]
        await asyncio.sleep(seconds)
        alone = await share(pid, seconds)
        took_alone = await creates(http, rate, _CREATE_SECONDS)
        rss = rss_mib(pid)
        with program("bench.held", server.url, server.key, str(waiters), ",".join(ids)):
            await asyncio.sleep(seconds)
            with_waiters = await share(pid, seconds)
            kept = rss_mib(pid) - rss
            took = await creates(http, rate, _CREATE_SECONDS)
            held = await still_waiting(server)
        lags = await lag(http)
        return Found(
            waiters=waiters,
            still_waiting=held,
            cpu_share_alone=alone,
            cpu_share_with_waiters=with_waiters,
            kib_per_waiter=round(1024 * kept / waiters) if waiters else 0,
            creates_alone_p50_ms=round(took_alone[len(took_alone) // 2]),
            creates_alone_max_ms=round(took_alone[-1]),
            creates_p50_ms=round(took[len(took) // 2]),
            creates_max_ms=round(took[-1]),
            end_to_answer_p50_ms=round(lags[len(lags) // 2], 1),
            end_to_answer_max_ms=round(lags[-1], 1),
        )


async def share(pid: int, seconds: float) -> float:
    """Return the share of one core that a process takes."""
    spent, began = cpu_seconds(pid), time.monotonic()
    await asyncio.sleep(seconds)
    return round((cpu_seconds(pid) - spent) / (time.monotonic() - began), 3)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiters", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--database-url", default="")
    options = parser.parse_args()
    found = measure(options.waiters, options.seconds, options.rate, options.database_url)
    sys.stdout.write(json.dumps(asdict(found)) + "\n")


if __name__ == "__main__":
    main()
