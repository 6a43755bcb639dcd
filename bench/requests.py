"""What the provider is asked per job that ends, while many clients poll, with callbacks and without."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from bench.processes import bearer, called, gateway
from bench.provider import provider
from bench.results import Row
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.processes import Served
    from bench.provider import Provider
    from bench.results import Options

_JOBS = 4
_JOB_SECONDS = 50.0
_CLIENTS = 10
_MOST_TOLD, _MOST_ASKING = 3.0, 35.0
_BODY = {"prompt": "a calm sea at dawn", "seconds": 1, "resolution": "480p"}


def rows(_options: Options) -> Iterator[Row]:
    """Run four gateways at once: with callbacks and without, polled by many clients and by one."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cases = []
        for callbacks in (True, False):
            for clients in (_CLIENTS, 1):
                fal = stack.enter_context(provider(_JOB_SECONDS, _JOB_SECONDS))
                public = called(free_port()) if callbacks else {}
                where = folder / f"{callbacks}-{clients}"
                server = stack.enter_context(gateway(where, **fal.settings, **public))
                cases.append((server, fal, clients))
        told, told_one, asking, asking_one = asyncio.run(_watch_all(cases))
    what = f"provider requests per {_JOB_SECONDS:.0f} s job, {_CLIENTS} clients polling each second"
    yield _row(f"{what}, with callbacks", _MOST_TOLD, told, told_one)
    yield _row("the same, without", _MOST_ASKING, asking, asking_one)


def _row(what: str, most: float, found: float, one: float) -> Row:
    return Row(
        what,
        f"≤{most:g}, however many clients",
        f"{found:.1f}",
        f"{one:.1f}; one client",
        found / one,
        found <= most and found <= one + 1,
    )


async def _watch_all(cases: list[tuple[Served, Provider, int]]) -> list[float]:
    return list(await asyncio.gather(*(_watch(*case) for case in cases)))


async def _watch(server: Served, fal: Provider, clients: int) -> float:
    """Make jobs, poll them until all have ended, and return the requests per job that the provider got."""
    async with httpx.AsyncClient(base_url=server.url, headers=bearer(server.key), trust_env=False) as http:
        ids = [(await http.post("/v1/videos", json=_BODY)).raise_for_status().json()["id"] for _ in range(_JOBS)]
        await asyncio.gather(*(_poll(http, ids) for _ in range(clients)))
    return sum((await asyncio.to_thread(fal.seen))[1].values()) / _JOBS


async def _poll(http: httpx.AsyncClient, ids: list[str]) -> None:
    """Poll every video each second until it has ended."""
    waiting = set(ids)
    while waiting:
        for video_id in sorted(waiting):
            status = (await http.get(f"/v1/videos/{video_id}")).raise_for_status().json()["status"]
            if status == "failed":
                raise RuntimeError(f"{video_id} failed")
            if status == "completed":
                waiting.discard(video_id)
        await asyncio.sleep(1)
