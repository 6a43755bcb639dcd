"""What it costs to have many clients wait, and how soon they hear of an end.

`python -m bench.waiting --waiters 1000` prints one JSON line; `--waiters 0` gives what to compare with. Half of the
clients wait by long poll, half by events, each for one of a hundred videos; nothing happens to those meanwhile. With
`--database-url` on Postgres. Each waiter is an open file here and in the gateway: `ulimit -n` must allow it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time

import httpx

from bench.polling import cpu_seconds, gateway, rss_mib, upstream

_VIDEOS = 100
_SETTLE_SECONDS = 15.0
_RUNS = 20  # ends that are waited for
_BODY = {"prompt": "clip", "seconds": 4}


async def wait(http: httpx.AsyncClient, path: str) -> None:
    """Wait as a client does, until the connection is cut."""
    async with http.stream("GET", path) as answer:
        async for _ in answer.aiter_bytes():
            pass


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


async def watch(url: str, pid: int, waiters: int, seconds: float, rate: float) -> dict[str, object]:
    """Measure a gateway at rest, with waiters, and with waiters while creates arrive."""
    limits = httpx.Limits(max_connections=None)
    async with (
        httpx.AsyncClient(base_url=url, timeout=90, limits=limits) as many,  # each request looks through its pool
        httpx.AsyncClient(base_url=url, timeout=90, limits=limits) as http,
    ):
        ids = [(await http.post("/v1/videos", json=_BODY)).json()["id"] for _ in range(_VIDEOS)]
        await asyncio.sleep(_SETTLE_SECONDS)
        alone = await share(pid, seconds)
        paths = [f"/v1/videos/{ids[n % _VIDEOS]}{('?wait=60', '/events')[n % 2]}" for n in range(waiters)]
        rss = rss_mib(pid)
        waiting = [asyncio.create_task(wait(many, path)) for path in paths]
        await asyncio.sleep(_SETTLE_SECONDS)
        with_waiters = await share(pid, seconds)
        took = await creates(http, rate, 5)
        left = sum(not task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        lags = await lag(http)
        return {
            "waiters": waiters,
            "still_waiting": left,
            "cpu_share_alone": alone,
            "cpu_share_with_waiters": with_waiters,
            "kib_per_waiter": round(1024 * (rss_mib(pid) - rss) / waiters) if waiters else 0,
            "creates_p50_ms": round(took[len(took) // 2]),
            "creates_max_ms": round(took[-1]),
            "end_to_answer_p50_ms": round(lags[len(lags) // 2], 1),
            "end_to_answer_max_ms": round(lags[-1], 1),
        }


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
    parser.add_argument("--port", type=int, default=8766)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, upstream() as url:
        settings = {"XAI_API_KEY": "key", "REELGATE_XAI_URL": f"{url}/v1", "REELGATE_POLL_SECONDS": "300"}
        if options.database_url:
            settings["REELGATE_DATABASE_URL"] = options.database_url
        with gateway(folder, options.port, **settings) as (http, pid):
            address = str(http.base_url)
            found = asyncio.run(watch(address, pid, options.waiters, options.seconds, options.rate))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
