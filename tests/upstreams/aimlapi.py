"""A fake AI/ML API on a real socket: video generation, usage logs, billing and the catalogue.

    with run((fake := FakeAimlApi()).app) as url:  # tests.upstreams.running
        fake.rules.add(Rule(on="job", do=shape(words={"completed": "succeeded"}, video="list")))

Calls, for rules: "submit" (POST /v2/video/generations), "status" (GET there), "list" (/v2/logs), "media", "other".
Facts to match: path, query, method, and of a submit model and prompt. Shapes of answers: aimlapi_shapes. Bodies of
errors for `answer(status, body)`: aimlapi_errors; its form is `fake.form` (1 or 2) for the fake's own refusals.
Sources: reference/aimlapi.md; the tracing headers also docs/capabilities/request-tracing-and-cost.md of
github.com/aimlapi/api-docs (an `x-inference-id` that cannot be an id is left out of a poll's answer).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.upstreams import aimlapi_errors
from tests.upstreams.aimlapi_account import Account
from tests.upstreams.aimlapi_checks import Refused, check
from tests.upstreams.aimlapi_shapes import credits_of, new_id, polled, submitted
from tests.upstreams.behaviour import Rules
from tests.upstreams.clock import Clock
from tests.upstreams.control import control_routes
from tests.upstreams.faults import Misbehaving
from tests.upstreams.films import frame
from tests.upstreams.ledger import Ledger
from tests.upstreams.timed_jobs import Job, Settling, facts_of, serve_film

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from tests.upstreams.aimlapi_errors import Form
    from tests.upstreams.aimlapi_models import Model
    from tests.upstreams.looks import Look

KEY = "aimlapi-test-key"
PATH = "/v2/video/generations"
_FILMS = "/cdn/xenops/xai-vidgen-bucket/xai-video-"
_CLIENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_GENERATION_ID = re.compile(r"[A-Za-z0-9._:/-]{1,200}")


@dataclass(frozen=True, kw_only=True)
class Generation(Job):
    """An accepted submission with what the logs say of it."""

    model: Model
    client_id: str | None


class FakeAimlApi:
    """The fake. `balance` in dollars; jobs run `seconds`; see aimlapi_account for `log_lag` and `logs_running`."""

    def __init__(
        self,
        *,
        key: str = KEY,
        seconds: float = 1.0,
        balance: float = 1000.0,
        clock: Clock | None = None,
        look: Look | None = None,
    ) -> None:
        self.key, self.seconds, self.balance, self.look = key, seconds, balance, look
        self.form: Form = 2
        self.retired: set[str] = set()  # models that are gone: 404 (section 4)
        self.log_lag, self.logs_running = 0.0, True
        self.clock, self.rules, self.jobs = clock or Clock(), Rules(), dict[str, Generation]()
        self._ledger = Ledger()
        routes = [
            Route(PATH, self._submit, methods=["POST"]),
            Route(PATH, self._poll, methods=["GET"]),
            Route(f"{_FILMS}{{id:path}}.mp4", self._film),
            *Account(self).routes(),
            *control_routes(self._ledger, self.rules, self.clock, self._forget),
        ]
        starlette = Starlette(routes=routes, exception_handlers={404: self._unknown_path})
        self._settling = Settling(starlette, self._ledger, self.clock)
        self.app: ASGIApp = Misbehaving(self._settling, self.rules, self._ledger, _classify)

    @property
    def ledger(self) -> Ledger:
        """What was paid, as of this moment."""
        self._settling.settle()
        return self._ledger

    def left(self) -> int:
        """Return the balance in micro-dollars; a failed request is not billed."""
        return round(self.balance * 1e6) - self._settling.charged

    def _forget(self) -> None:
        self.jobs.clear()
        self._settling.clear()

    def refuse(self, status: int, body: Any) -> Response:
        """Answer with an error."""
        return JSONResponse(body, status)

    def refuse_key(self, request: Request) -> Response | None:
        """Answer a request without the right key."""
        if request.headers.get("authorization") == f"Bearer {self.key}":
            return None
        return self.refuse(401, aimlapi_errors.no_key(self.form))

    async def _submit(self, request: Request) -> Response:
        if refusal := self.refuse_key(request):
            return refusal
        try:
            body = json.loads(await request.body())
            model, values = check(body)
        except json.JSONDecodeError as error:
            return self.refuse(400, aimlapi_errors.error(400, str(error), form=self.form))
        except Refused as refused:
            return self.refuse(400, aimlapi_errors.invalid(*refused.messages, form=self.form))
        if model.id in self.retired:
            return self.refuse(404, aimlapi_errors.error(404, "Model is deprecated", form=self.form))
        # For image and reference modes the resolution comes from the pictures (section 2), which the fake never sees.
        resolution = str(values.get("resolution", "720p"))
        price = round(values["duration"] * model.usd[resolution] * 1e6)
        if self._settling.committed + price > self.balance * 1e6:
            return self.refuse(403, aimlapi_errors.out_of_credits(self.form))
        do = self.rules.take("job", facts_of(body))
        client_id = request.headers.get("x-client-request-id", "")
        job = Generation(
            id=new_id(model.id, do),
            accepted=self.clock.now(),
            runs=self.seconds,
            frame=frame(resolution, str(values.get("aspect_ratio", "16:9"))),
            seconds=values["duration"],
            price=price,
            do=do,
            look=self.look,
            model=model,
            client_id=client_id if _CLIENT_ID.fullmatch(client_id) else None,
        )
        self.jobs[job.id] = job
        self._ledger.accept(job.id, PATH, body, request.headers, job.accepted)
        self._settling.watch(job)
        return JSONResponse(submitted(job), headers=_traced(job, job.client_id))

    async def _poll(self, request: Request) -> Response:
        if refusal := self.refuse_key(request):
            return refusal
        generation_id = request.query_params.get("generation_id")
        if generation_id is None:
            return self.refuse(400, aimlapi_errors.invalid("generation_id: Required", form=self.form))
        client_id = request.headers.get("x-client-request-id", "")
        job = self.jobs.get(generation_id)
        if job is None:
            headers = {"x-inference-id": generation_id} if _GENERATION_ID.fullmatch(generation_id) else {}
            return JSONResponse(aimlapi_errors.not_found(self.form), 404, headers=headers)
        url = f"{str(request.base_url).rstrip('/')}{_FILMS}{job.id}.mp4"
        answer = polled(job, self.clock.now(), url)
        return JSONResponse(answer, headers=_traced(job, client_id if _CLIENT_ID.fullmatch(client_id) else None))

    async def _film(self, request: Request) -> Response:
        job = self.jobs.get(request.path_params["id"])
        if job is None or job.fails or job.ends > self.clock.now():
            return Response("<Error><Code>NoSuchKey</Code></Error>", 404, media_type="application/xml")
        return await serve_film(request, job, self._ledger, self.key)

    async def _unknown_path(self, request: Request, _error: Exception) -> Response:
        path = request.url.path
        return self.refuse(404, aimlapi_errors.error(404, f"Cannot {request.method} {path}", form=self.form, path=path))


def _traced(job: Generation, client_id: str | None) -> dict[str, str]:
    headers = {
        "x-inference-id": job.id,
        "x-aimlapi-credits-used": str(credits_of(job.price)),
        "x-aimlapi-usd-spent": f"{job.price / 1e6:.9f}",
    }
    return {**headers, "x-client-request-id": client_id} if client_id else headers


def _classify(method: str, path: str, body: bytes) -> tuple[str, dict[str, str]]:
    if path == PATH:
        return ("submit", facts_of(body)) if method == "POST" else ("status", {})
    if path.startswith(_FILMS):
        return "media", {}
    return ("list" if path == "/v2/logs" else "other"), {}
