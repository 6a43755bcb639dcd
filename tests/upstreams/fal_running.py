"""What happens to a job of the fake fal.ai between its submit and its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.upstreams.fal_checks import FLAGGED, mistake
from tests.upstreams.fal_inputs import Unreadable, read_files
from tests.upstreams.fal_jobs import Ending, Job
from tests.upstreams.fal_models import ENDPOINTS
from tests.upstreams.fal_outputs import Output, plan, seconds_of

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from tests.upstreams.behaviour import Do, Rules
    from tests.upstreams.clock import Clock
    from tests.upstreams.fal_storage import Storage
    from tests.upstreams.fal_webhooks import Caller
    from tests.upstreams.ledger import Ledger, Outcome

_LONGEST = 15.0  # s of an extended film (fal.md §5, extend-video)


class Runner:
    """Runs jobs, settles their price and calls back."""

    def __init__(self, ledger: Ledger, rules: Rules, clock: Clock, caller: Caller, storage: Storage) -> None:
        self._ledger, self._rules, self._clock = ledger, rules, clock
        self._caller, self._storage = caller, storage
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, job: Job) -> None:
        """Run a job in the background."""
        job.trouble = self._rules.take("job", self._facts(job))
        if job.trouble and job.trouble.kind == "never":
            job.ends = float("inf")
        elif job.trouble and job.trouble.kind == "slow":
            job.ends += job.trouble.seconds
        self._spawn(self._run(job))

    def stop(self) -> None:
        """Drop every running job."""
        for task in self._tasks:
            task.cancel()

    def end(self, job: Job, ending: Ending, outcome: Outcome, charge: int) -> None:
        """End a job, once."""
        if job.ending:
            return
        job.ending = ending
        self._ledger.settle(job.id, outcome, charge)
        job.done.set()
        if job.webhook:
            self._spawn(self._caller.deliver(job, self._rules.take("callback", self._facts(job))))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    def _facts(job: Job) -> dict[str, str]:
        return {"endpoint": job.endpoint, "prompt": str(job.given.get("prompt", "")), "id": job.id}

    async def _run(self, job: Job) -> None:
        if job.starts - job.at > job.start_within:
            job.starts = job.ends = job.at + job.start_within
            await self._clock.until(job.ends)
            late = {"detail": "Request timed out before it started", "error_type": "request_timeout"}
            self.end(job, Ending(job.ends, 504, late, 0.0, late["detail"], late["error_type"]), "failed", 0)
            return
        output, wrong = await self._prepare(job)
        await self._clock.until(job.ends)
        if output is None:
            self._fail(job, 422, {"detail": wrong}, 0.0)
        elif job.trouble and job.trouble.kind == "fail":
            self._fail_as_told(job, job.trouble)
        else:
            job.output = output
            job.media_path = f"/files/b/{job.id[-8:]}/{job.id.replace('-', '')}.mp4"
            body = output.answer(job.base + job.media_path)
            if job.trouble and job.trouble.kind == "no_video":
                body = {"video": None}
            self.end(job, Ending(job.ends, 200, body, output.units), "completed", output.cost)

    async def _prepare(self, job: Job) -> tuple[Output | None, list[dict[str, Any]]]:
        if job.mistakes:
            return None, job.mistakes
        endpoint = ENDPOINTS[job.endpoint]
        try:
            given = await read_files(endpoint, job.values, self._storage.files)
        except Unreadable as error:
            return None, [error.detail]
        length = given[0].seconds + seconds_of(job.values["duration"]) if endpoint.makes == "extend" else 0.0
        if length > _LONGEST:
            limits = {"max_duration": _LONGEST, "provided_duration": length}
            return None, [mistake("video_duration_too_long", "Video is too long", "video_url", ctx=limits)]
        return plan(endpoint, job.values, given), []

    def _fail_as_told(self, job: Job, do: Do) -> None:
        flagged = mistake("content_policy_violation", FLAGGED, "prompt", input=job.values["prompt"])
        body = {"detail": [flagged]} if do.body is None else do.body
        self._fail(job, 422 if do.status == 200 else do.status, body, do.units, do.error, do.error_type)

    def _fail(
        self, job: Job, status: int, body: Any, units: float, error: str | None = None, error_type: str | None = None
    ) -> None:
        """End with an error; 5xx is never billed, a 422 may be (fal.md §1.8)."""
        billed = 0.0 if status >= 500 else units
        charge = round(billed * ENDPOINTS[job.endpoint].price.unit)
        text = error or f"Invalid status code: {status}"
        self.end(job, Ending(job.ends, status, body, billed, text, error_type), "failed", charge)
