"""What a provider is asked per job, counted by the provider: the clients' polls never reach it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from bench.processes import called, gateway
from bench.provider import provider
from tests.ports import free_port
from tests.serving import PENDING

if TYPE_CHECKING:
    from pathlib import Path

    from bench.processes import Served

CLIENTS = 5
SECONDS = 2.0  # that the job takes
INTERVAL = 1.0  # seconds between two polls of the gateway's where there are no callbacks


def test_many_impatient_clients_cost_the_provider_no_more_than_the_job_does(tmp_path: Path) -> None:
    asked, polls = _run(tmp_path, REELGATE_POLL_SECONDS=str(INTERVAL))
    assert asked["submit"] == asked["result"] == asked["media"] == 1
    assert 1 <= asked["status"] <= SECONDS / INTERVAL + 1  # and one more that finds the end
    assert polls > 2 * sum(asked.values())


def test_a_provider_that_calls_back_is_asked_only_how_it_ended(tmp_path: Path) -> None:
    asked, _ = _run(tmp_path, **called(free_port()))
    assert asked == {"submit": 1, "result": 1, "media": 1}


def _run(folder: Path, **settings: str) -> tuple[dict[str, int], int]:
    """Make a video that many clients poll; return how often the provider was asked what, and they the gateway."""
    with provider(SECONDS, SECONDS) as fal, gateway(folder, **fal.settings, **settings) as server:
        body = {"prompt": "a calm sea", "seconds": 1, "resolution": "480p"}
        video_id = server.http.post("/v1/videos", json=body).raise_for_status().json()["id"]
        with ThreadPoolExecutor(CLIENTS) as pool:
            polls = sum(pool.map(lambda _: _poll(server, video_id), range(CLIENTS)))
        return fal.seen()[1], polls


def _poll(server: Served, video_id: str) -> int:
    """Poll without a pause until the end, and return how often."""
    times, status = 0, PENDING[0]
    while status in PENDING:
        status = server.http.get(f"/v1/videos/{video_id}").raise_for_status().json()["status"]
        times += 1
    assert status == "completed"
    return times
