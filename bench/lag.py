"""How soon `create_and_poll` of OpenAI's SDK returns once the provider's job has ended, with callbacks and without."""

from __future__ import annotations

import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from openai import OpenAI

from bench.processes import called, family_seconds, gateway
from bench.provider import provider
from bench.results import Row
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.processes import Served
    from bench.provider import Provider
    from bench.results import Options

_JOBS = 4  # at once
_WAVES = 3  # of them per round: an end falls anywhere in an interval, so that few tell nothing
_JOB_SECONDS = (2.0, 4.0)
_INTERVAL = 2.0  # seconds between polls where there are no callbacks
_AFTERMATH = 1.0  # seconds for what is done after the last of them, and costs
_TOLD_MS, _SHARE = 30.0, 0.6


def rows(options: Options) -> Iterator[Row]:
    """Measure a gateway that is called back, and one that polls."""
    with tempfile.TemporaryDirectory() as name, provider(*_JOB_SECONDS) as fal:
        polled = {"REELGATE_POLL_SECONDS": str(_INTERVAL)}
        with gateway(Path(name, "told"), **fal.settings, **called(free_port()), REELGATE_POLL_SECONDS="60") as server:
            told, cpu = _lags(server, fal, options.rounds)
            trip = _round_trip(server)
        with gateway(Path(name, "asking"), **fal.settings, **polled) as server:
            asking, _ = _lags(server, fal, options.rounds)
    yield Row(
        "job's end to create_and_poll's return, with a callback",
        f"p50 ≤{_TOLD_MS:g} ms",
        f"p50 {told[len(told) // 2]:.0f} ms, slowest {told[-1]:.0f} ms; {cpu:.0f} ms of CPU per job",
        f"{trip:.1f} ms; one GET by the SDK",
        told[len(told) // 2] / trip,
        told[len(told) // 2] <= _TOLD_MS,
    )
    share = asking[len(asking) // 2] / 1000 / _INTERVAL
    yield Row(
        "the same, without",
        f"≤{_SHARE} of the poll interval",
        f"p50 {asking[len(asking) // 2]:.0f} ms, slowest {asking[-1]:.0f} ms",
        f"{1000 * _INTERVAL:.0f} ms; poll interval",
        share,
        share <= _SHARE,
    )


def _lags(server: Served, fal: Provider, rounds: int) -> tuple[list[float], float]:
    """Return the milliseconds from each end to its return, in order of size, and those of CPU per job, all in all."""
    before = family_seconds(server.pid)
    with OpenAI(base_url=f"{server.url}/v1", api_key=server.key) as client, ThreadPoolExecutor(_JOBS) as pool:

        def one(number: int) -> tuple[str, float]:
            prompt = f"{server.url}, {number}"
            video = client.videos.create_and_poll(prompt=prompt, extra_body={"seconds": 1, "resolution": "480p"})
            if video.status != "completed":
                raise RuntimeError(f"a job failed: {video.error}")
            return prompt, time.time()

        returned = list(pool.map(one, range(_JOBS * _WAVES * rounds)))
    ends, _ = fal.seen()
    lags = sorted(1000 * (at - ends[prompt]) for prompt, at in returned)
    time.sleep(_AFTERMATH)
    return lags, 1000 * (family_seconds(server.pid) - before) / len(lags)


def _round_trip(server: Served) -> float:
    """Return the milliseconds of one retrieve by the SDK."""
    with OpenAI(base_url=f"{server.url}/v1", api_key=server.key) as client:
        video_id = client.videos.list(limit=1).data[0].id
        took = []
        for _ in range(30):
            began = time.monotonic()
            client.videos.retrieve(video_id)
            took.append(1000 * (time.monotonic() - began))
    return statistics.median(took)
