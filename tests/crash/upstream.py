"""The fake fal of the crash harness, in a process of its own: its ledger is the oracle.

It is `tests.upstreams.fal` with tiny films, jobs of different lengths, and a record of every poll. The first line on
stdout says where it is; `GET {control}/seen` tells what was paid and asked. It ends when stdin closes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.upstreams.fal import FakeFal, Settings
from tests.upstreams.films import film
from tests.upstreams.running import run

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from tests.upstreams.fal_jobs import Job

FILM = (64, 36, 2)  # px, px, pictures: downloading and drawing cost next to nothing


class Upstream(FakeFal):
    """The fake; a job takes `shortest` to `longest` seconds, the answer to a submit up to `delay` after it is paid."""

    def __init__(self, settings: Settings, *, shortest: float, longest: float, delay: float, seed: int) -> None:
        super().__init__(settings)
        self._span, self._delay = (shortest, longest), delay
        self._chance = random.Random(seed)  # noqa: S311 - the seed makes a run repeatable
        self.polls: list[tuple[float, str]] = []

    def classify(self, method: str, path: str, body: bytes) -> tuple[str, dict[str, str]]:
        """Say which call this is; a film's needs no search through every job."""
        return ("media", {}) if path.startswith("/files/") else super().classify(method, path, body)

    async def _produced(self, path: str) -> bytes | None:
        job = self.jobs.get(_id_in(path))
        return film(*FILM, mark=job.id) if job and job.media_path == path else None

    def _job(self, request: Request, endpoint: str, given: Any, values: dict[str, Any]) -> Job:
        job = super()._job(request, endpoint, given, values)
        job.ends = job.starts + self._chance.uniform(*self._span)
        return job

    async def _submit(self, request: Request) -> Response:
        answer = await super()._submit(request)
        await asyncio.sleep(self._chance.uniform(0, self._delay))
        return answer

    async def _about(self, job: Job, request: Request, call: str | None) -> Response:
        if call == "/status":
            self.polls.append((time.time(), job.id))
        return await super()._about(job, request, call)

    async def seen(self, _request: Request) -> Response:
        """Tell what was paid (id, prompt, when, outcome) and every poll (when, id), oldest first."""
        paid = [(paid.request_id, paid.body["prompt"], paid.at, paid.outcome) for paid in self.ledger.paid()]
        return JSONResponse({"paid": paid, "polls": list(self.polls), "leaks": list(self.ledger.leaks)})


def _id_in(path: str) -> str:
    """Return the request id that a film's file name is made of."""
    text = path.rpartition("/")[2].removesuffix(".mp4")
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def main() -> None:
    """Serve until stdin closes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--shortest", type=float, required=True)
    parser.add_argument("--longest", type=float, required=True)
    parser.add_argument("--delay", type=float, required=True, help="longest, in seconds, before a submit is answered")
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # they are for the harness, which closes our stdin then
        signal.signal(number, signal.SIG_IGN)
    fake = Upstream(Settings(queue=0.05), **vars(options))
    control = Starlette(routes=[Route("/seen", fake.seen)])
    with run(fake.app) as url, run(control) as control_url:
        sys.stdout.write(json.dumps({"url": url, "control": control_url}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
