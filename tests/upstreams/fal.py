"""A fake fal.ai: queue, storage, CDN, platform API and key set on one address, with a ledger of what it was paid.

    fake = FakeFal()
    with run(fake.app) as url:              # the queue, rest, CDN and API hosts are all this URL
        fake.rules.add(Rule(on="submit", do=accept_then(cut(reset=True)), match={"prompt": "storm"}))
        …
        assert len(fake.ledger.by_prompt("storm")) == 1

What the real fal does is in fal.md; where that is silent or of two minds, `Settings` has a switch.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.upstreams.behaviour import Rules
from tests.upstreams.clock import Clock
from tests.upstreams.control import control_routes
from tests.upstreams.fal_checks import EXHAUSTED, read_input, refusal, who_is_not
from tests.upstreams.fal_jobs import Ending, Job
from tests.upstreams.fal_models import ENDPOINTS, app_of
from tests.upstreams.fal_platform import prices, requests_by_endpoint
from tests.upstreams.fal_running import Runner
from tests.upstreams.fal_storage import Storage
from tests.upstreams.fal_webhooks import Caller
from tests.upstreams.faults import Misbehaving
from tests.upstreams.films import film
from tests.upstreams.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from tests.upstreams.looks import Look

KEY = "fake-key-id:fake-key-secret"
_REQUEST = re.compile(r"/(?P<app>.+?)/requests/(?P<id>[^/]+?)(?P<call>/status/stream|/status|/cancel|/response)?/?")
_BIG_RESULT = 10_000  # bytes; from here on kept for a tenth of the time (fal.md §1.6: 6 minutes instead of an hour)
_NOT_FOUND = {"status": "NOT_FOUND"}


@dataclass
class Settings:
    """What can be set, also while it runs."""

    keys: frozenset[str] = frozenset({KEY})
    queue: float = 0.05  # s in IN_QUEUE
    run: float = 0.1  # s in IN_PROGRESS
    locked: str | None = None  # the text of a 403, e.g. fal_checks.EXHAUSTED
    strict: bool = True  # unknown input fields are refused
    late_checks: bool = False  # a wrong input is accepted and fails with 422 as a job, as runners do
    cancels_running: bool = False  # a cancel stops a running job, too
    retention: float = 3600  # s; for callbacks as it was at the start
    callback_backoff: float = 0.2  # s, doubled each time; as it was at the start
    list_lag: float = 0
    list_running: bool = False
    look: Look | None = None  # of its films


class FakeFal:
    """The fake; `app` is what to serve."""

    def __init__(self, settings: Settings | None = None, clock: Clock | None = None) -> None:
        self.settings = settings or Settings()
        self.clock = clock or Clock()
        self.ledger, self.rules = Ledger(), Rules()
        self.jobs: dict[str, Job] = {}
        self.storage = Storage(self.ledger, self.clock, self._guard, self._produced)
        self.caller = Caller(self.clock, self.settings.callback_backoff, self.settings.retention)
        self._runner = Runner(self.ledger, self.rules, self.clock, self.caller, self.storage)
        routes = [
            *control_routes(self.ledger, self.rules, self.clock, self._forget),
            *self.storage.routes(),
            Route("/.well-known/jwks.json", self._jwks),
            Route("/v1/models/pricing", self._pricing),
            Route("/v1/models/requests/by-endpoint", self._list),
            Route("/{path:path}", self._queue, methods=["GET", "POST", "PUT"]),
        ]
        self.app = Misbehaving(Starlette(routes=routes), self.rules, self.ledger, self.classify)

    def lock(self, reason: str = EXHAUSTED) -> None:
        """Refuse submits and uploads as for an account without money."""
        self.settings.locked = reason

    def classify(self, method: str, path: str, body: bytes) -> tuple[str, dict[str, str]]:
        """Say which call this is, for rules, and what they may match."""
        if path.startswith("/v1/models/requests"):  # looks like a request's own address
            return "list", {}
        if found := _REQUEST.fullmatch(path):
            call = {"/status": "status", "/status/stream": "stream", "/cancel": "cancel"}.get(found["call"], "result")
            return call, self._facts(self.jobs.get(found["id"]))
        if path.startswith(("/storage", "/files")):
            job = next((job for job in self.jobs.values() if job.media_path == path), None)
            return ("media", self._facts(job)) if method == "GET" else ("upload", {})
        if method != "POST":
            return "other", {}
        try:
            prompt = str(json.loads(body)["prompt"])
        except (ValueError, LookupError, TypeError):
            prompt = ""
        return "submit", {"endpoint": path.strip("/"), "prompt": prompt}

    @staticmethod
    def _facts(job: Job | None) -> dict[str, str]:
        return {"endpoint": job.endpoint, "prompt": str(job.values.get("prompt", "")), "id": job.id} if job else {}

    def _forget(self) -> None:
        self._runner.stop()
        self.jobs.clear()
        self.storage.clear()

    def _guard(self, request: Request) -> Response | None:
        refused = who_is_not(request.headers.get("authorization"), self.settings.keys)
        if refused is None and self.settings.locked and request.method == "POST":
            return refusal(403, self.settings.locked)
        return refused

    async def _produced(self, path: str) -> bytes | None:
        for job in self.jobs.values():
            if job.media_path == path and job.output:
                made, look = job.output, self.settings.look
                return await run_in_threadpool(film, made.width, made.height, made.frames, mark=job.id, look=look)
        return None

    async def _jwks(self, _request: Request) -> Response:
        return JSONResponse(self.caller.jwks())

    async def _pricing(self, request: Request) -> Response:
        return self._guard(request) or prices(request.query_params)

    async def _list(self, request: Request) -> Response:
        lag, running = self.settings.list_lag, self.settings.list_running
        now, jobs = self.clock.now(), list(self.jobs.values())
        return self._guard(request) or requests_by_endpoint(request.query_params, jobs, now, lag=lag, running=running)

    async def _queue(self, request: Request) -> Response:
        path = request.url.path
        if found := _REQUEST.fullmatch(path):
            job = self.jobs.get(found["id"])
            if job is None or found["app"] not in {app_of(job.endpoint), job.endpoint}:
                return JSONResponse(_NOT_FOUND, 404)
            refused = who_is_not(request.headers.get("authorization"), self.settings.keys)
            return refused or await self._about(job, request, found["call"])
        return await self._submit(request) if request.method == "POST" else refusal(404, f"Path {path} not found")

    async def _about(self, job: Job, request: Request, call: str | None) -> Response:
        if self.clock.now() >= job.ends:
            await job.done.wait()
        match request.method, call:
            case "GET", "/status":
                return JSONResponse(self._status(job, request), 200 if job.ending else 202)
            case "GET", "/status/stream":
                return StreamingResponse(self._events(job, request), media_type="text/event-stream")
            case "GET", None | "/response":
                return self._result(job)
            case "PUT", "/cancel":
                return self._cancel(job)
            case _:
                return refusal(405, "Method Not Allowed")

    async def _submit(self, request: Request) -> Response:
        if refused := self._guard(request):
            return refused
        endpoint = request.url.path.strip("/")
        if endpoint not in ENDPOINTS:
            return refusal(404, f"Path {request.url.path} not found")
        given, values, mistakes = read_input(endpoint, await request.body(), strict=self.settings.strict)
        if mistakes and not (self.settings.late_checks and isinstance(given, dict)):
            return refusal(422, mistakes)
        job = self._job(request, endpoint, given, values)
        job.mistakes = mistakes
        self.jobs[job.id] = job
        self.ledger.accept(job.id, endpoint, job.given, request.headers, job.at)
        self._runner.start(job)
        return JSONResponse(job.submitted(), headers={"x-fal-request-id": job.id})

    def _job(self, request: Request, endpoint: str, given: Any, values: dict[str, Any]) -> Job:
        now = self.clock.now()
        starts = now + self.settings.queue
        return Job(
            endpoint=endpoint,
            given=given,
            values=values,
            base=str(request.base_url).rstrip("/"),
            at=now,
            starts=starts,
            ends=starts + self.settings.run,
            start_within=float(request.headers.get("x-fal-request-timeout", "inf")),
            webhook=request.query_params.get("fal_webhook"),
            stored=request.headers.get("x-fal-store-io") != "0",
        )

    def _status(self, job: Job, request: Request) -> dict[str, Any]:
        return job.status(self.clock.now(), logs=request.query_params.get("logs") in {"1", "true"})

    async def _events(self, job: Job, request: Request) -> AsyncIterator[str]:
        before = None
        while True:
            status = self._status(job, request)
            if status != before:
                yield f"data: {json.dumps(status)}\n\n"
            if job.ending:
                return
            before = status
            await asyncio.sleep(0.02)

    def _result(self, job: Job) -> Response:
        if job.ending is None:
            return JSONResponse({"detail": "Request is still in progress"}, 400, {"x-fal-request-id": job.id})
        payload = job.ending.payload()
        kept = self.settings.retention / (10 if len(payload) >= _BIG_RESULT else 1)
        if self.clock.now() > job.ending.at + kept:
            return JSONResponse(_NOT_FOUND, 404)
        return Response(payload, job.ending.status, job.ending.headers(job.id), "application/json")

    def _cancel(self, job: Job) -> Response:
        if job.ending:
            return JSONResponse({"status": "ALREADY_COMPLETED"}, 400)
        now = self.clock.now()
        if now < job.starts or self.settings.cancels_running:
            gone = {"detail": "Request was cancelled by the client", "error_type": "client_cancelled"}
            self._runner.end(job, Ending(now, 499, gone, 0.0, gone["detail"], gone["error_type"]), "cancelled", 0)
        return JSONResponse({"status": "CANCELLATION_REQUESTED"}, 202)
