"""A provider that ends its jobs and calls back: the tests' fake fal.ai with tiny films, in a process of its own.

`python -m bench.provider SHORTEST LONGEST` (seconds that a job takes) prints where it is and where it can be asked.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from bench.processes import program
from tests.crash.upstream import Upstream
from tests.upstreams import fal
from tests.upstreams.fal_webhooks import Caller, callback_body
from tests.upstreams.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response

    from tests.upstreams.behaviour import Do
    from tests.upstreams.fal_jobs import Job


@dataclass(frozen=True)
class Provider:
    """Where it is, as the settings of a gateway, and what it has seen."""

    settings: dict[str, str]
    control: str

    def seen(self) -> tuple[dict[str, float], dict[str, int]]:
        """Return when each job ended, by its prompt (unix seconds), and how often each call arrived."""
        found = httpx.get(self.control, timeout=60, trust_env=False).json()
        return found["ends"], found["arrivals"]


@contextmanager
def provider(shortest: float, longest: float) -> Iterator[Provider]:
    """Run it in a process of its own."""
    with program("bench.provider", str(shortest), str(longest)) as line:
        where = json.loads(line)
        url = where["url"]
        urls = dict.fromkeys(("REELGATE_FAL_QUEUE_URL", "REELGATE_FAL_REST_URL", "REELGATE_FAL_API_URL"), url)
        yield Provider({"FAL_KEY": fal.KEY, **urls}, f"{where['control']}/seen")


class _Prompt(Caller):
    """Sends a callback once, on a connection that is there, and says when a job's end was known."""

    def __init__(self, fake: Upstream) -> None:
        super().__init__(fake.clock, 0.2, 3600)
        self.ends: dict[str, float] = {}
        self._http = httpx.AsyncClient(trust_env=False)

    async def deliver(self, job: Job, trouble: Do | None) -> None:
        """Deliver at once."""
        del trouble
        raw = json.dumps(callback_body(job)).encode()
        headers = {"content-type": "application/json", **self.sign(job.id, raw)}
        self.ends[job.given["prompt"]] = time.time()
        (await self._http.post(str(job.webhook), content=raw, headers=headers)).raise_for_status()


class _Fake(Upstream):
    """The fake, which remembers ends."""

    def __init__(self, shortest: float, longest: float) -> None:
        super().__init__(fal.Settings(queue=0.05), shortest=shortest, longest=longest, delay=0, seed=1)
        # The fake's own caller makes a client for every callback, which takes longer than what is measured.
        self.caller = self._runner._caller = self._prompt = _Prompt(self)  # noqa: SLF001

    async def seen(self, _request: Request) -> Response:
        """Tell when jobs ended and what arrived for them; keys and prices are for all."""
        ends = {job.given["prompt"]: job.ending.at for job in self.jobs.values() if job.ending}
        arrivals = {call: times for call, times in self.ledger.arrivals.items() if call != "other"}
        return JSONResponse({"ends": {**ends, **self._prompt.ends}, "arrivals": arrivals})


def main() -> None:
    """Serve until stdin closes."""
    fake = _Fake(float(sys.argv[1]), float(sys.argv[2]))
    control: Any = Starlette(routes=[Route("/seen", fake.seen)])
    with run(fake.app) as url, run(control) as control_url:
        sys.stdout.write(json.dumps({"url": url, "control": control_url}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
