"""Jobs that end by the fake's clock, and the films they end with: what fake AI/ML API and fake xAI share.

Nothing runs in the background: where a job stands is worked out from the clock whenever somebody asks, and the ledger
is settled for every call, so that `_fake/ledger` and `fake.ledger` tell the truth of this moment.
"""

from __future__ import annotations

import heapq
import json
import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tests.upstreams.films import film

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from tests.upstreams.behaviour import Do
    from tests.upstreams.clock import Clock
    from tests.upstreams.ledger import Ledger
    from tests.upstreams.looks import Look

_FPS = 24


@dataclass(frozen=True)
class Job:
    """An accepted submission. `price` in micro-dollars is charged if it ends well, `failed_price` if it fails."""

    id: str
    accepted: float
    runs: float  # seconds
    frame: tuple[int, int]
    seconds: float  # of film
    price: int
    do: Do | None = None
    failed_price: int = 0
    look: Look | None = None  # of its film

    @property
    def ends(self) -> float:
        """The moment it ends."""
        if self.do and self.do.kind == "never":
            return math.inf
        return self.accepted + self.runs + (self.do.seconds if self.do and self.do.kind == "slow" else 0)

    @property
    def fails(self) -> bool:
        """Whether it ends badly."""
        return self.do is not None and self.do.kind == "fail"

    @property
    def shape(self) -> dict[str, Any]:
        """The parts of its answers that a rule wants in another shape."""
        return self.do.body if self.do and self.do.kind == "shape" and isinstance(self.do.body, dict) else {}

    def progress(self, now: float) -> float:
        """Return how much of it is done, 0 to 1."""
        return min(1.0, max(0.0, (now - self.accepted) / (self.ends - self.accepted)))

    def film(self) -> bytes:
        """Render its film: one frame more than the seconds have, as Grok delivers (reference/fal.md: 145 for 6 s)."""
        return film(*self.frame, round(self.seconds * _FPS) + 1, _FPS, mark=self.id, look=self.look)


class Settling:
    """An app that settles the ledger for every call before it is handled.

    `committed` is what all jobs cost or may still cost, `charged` what those that ended did, in micro-dollars.
    """

    def __init__(self, app: ASGIApp, ledger: Ledger, clock: Clock) -> None:
        self._app, self._ledger, self._clock = app, ledger, clock
        self._lock = threading.Lock()
        self._running: list[tuple[float, str, Job]] = []
        self.committed = self.charged = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.settle()
        await self._app(scope, receive, send)

    def watch(self, job: Job) -> None:
        """Settle this job when it has ended."""
        with self._lock:
            heapq.heappush(self._running, (job.ends, job.id, job))
            self.committed += job.price

    def clear(self) -> None:
        """Forget every job and what it cost."""
        with self._lock:
            self._running.clear()
            self.committed = self.charged = 0

    def settle(self) -> None:
        """Write the end of every job that has ended into the ledger."""
        with self._lock:
            while self._running and self._running[0][0] <= self._clock.now():
                job = heapq.heappop(self._running)[2]
                self._ledger.settle(job.id, "failed" if job.fails else "completed", charge(job))
                self.charged += charge(job)
                self.committed += charge(job) - job.price


def charge(job: Job) -> int:
    """Return what a job costs once it has ended."""
    return job.failed_price if job.fails else job.price


def facts_of(body: Any) -> dict[str, str]:
    """Return what rules may match of a submit: its JSON, or the bytes that should be some."""
    if isinstance(body, bytes):
        try:
            body = json.loads(body)
        except ValueError:
            body = None
    given = body if isinstance(body, dict) else {}
    return {name: str(given.get(name, "")) for name in ("model", "prompt")}


async def serve_film(request: Request, job: Job, ledger: Ledger, key: str) -> Response:
    """Serve a job's film without a key; a key that comes along is a leak."""
    sent = " ".join([str(request.url), *request.headers.values()])
    if key in sent or "authorization" in request.headers:
        ledger.leaked(request.url.path)
    return Response(await run_in_threadpool(job.film), media_type="video/mp4")
