"""The poll lane: ask the provider how a running output stands, seldom enough and often enough.

Where the provider tells of the end, it is not asked: clients are shown estimates (`watching`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, assert_never

from app.domain import jobs, pacing
from app.media.errors import Busy, MediaError
from app.providers.base import Failed, Pending, ReadsFiles, Succeeded
from app.providers.errors import ProviderError, Transient
from app.services.asking import asking
from app.services.attempts import entry, final_code, offer_of, onward
from app.services.inputs import BUSY_SECONDS
from app.services.ordering import place_files
from app.services.settling import Settling
from app.services.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.domain.jobs import Job
    from app.domain.plain import Json
    from app.services.context import Context

_SILENCE_SECONDS = (0.0, 5.0, 10.0, 20.0, 30.0)  # at least, after so many polls without an answer
_OPERATOR_SECONDS = 30.0  # after a fault that only the operator can mend


@dataclass(frozen=True, slots=True)
class Polling:
    """One poll of one output. `room` says whether its result would be stored at once by whoever polls."""

    context: Context
    room: Callable[[], bool] = lambda: False
    silences: dict[str, int] = field(default_factory=dict)  # polls without an answer, one after another, per output
    watching: Watching = field(init=False)

    def __post_init__(self) -> None:
        """Watch from now on."""
        object.__setattr__(self, "watching", Watching(self.context))

    async def poll(self, job: Job) -> Job | None:
        """Ask once and act on the answer. No answer, or a confused one, never ends a job that may be paid for.

        A result that there is room for is returned, and is still ours.
        """
        context = self.context
        provider = context.providers.get(job.provider)
        if provider is None:
            await self._excuse(job, _OPERATOR_SECONDS, ProviderError("provider not configured"))
            return None
        if job.operation is None:
            raise RuntimeError(f"output {job.id} is running without an operation")
        if not self.watching.asks(job):
            await self._guess(job)
            return None
        try:
            if isinstance(provider, ReadsFiles) and provider.lacks_files(job.operation):
                await place_files(context, job, provider)
            with asking(job.provider, "poll"):
                answer = await provider.poll(job.operation)
        except MediaError as error:
            busy = isinstance(error, Busy)
            answer = Pending(poll_after=BUSY_SECONDS) if busy else Failed("invalid_input", error.message)
        except ProviderError as error:
            wait = error.retry_after if isinstance(error, Transient) else _OPERATOR_SECONDS
            self.silences[job.id] = times = self.silences.get(job.id, 0) + 1
            await self._excuse(job, max(wait, _SILENCE_SECONDS[min(times, len(_SILENCE_SECONDS)) - 1]), error)
            return None
        self.silences.pop(job.id, None)
        if isinstance(answer, Pending):
            await self._wait(job, answer)
            return None
        return await self._end(job, answer)

    async def _end(self, job: Job, answer: Succeeded | Failed) -> Job | None:
        context = self.context
        timely = self.watching.ended(job)
        match answer:
            case Succeeded():
                if timely:
                    context.pace.record(job.provider, offer_of(job).endpoint, self._elapsed(job))
                place = {"path": str(answer.path)} if answer.path else {"url": answer.url}
                result: dict[str, Json] = {**place, "cost": answer.cost, "tries": 0}
                held = self.room()
                rendered = jobs.rendered(job, result, context.clock(), held=held)
                if await context.apply(rendered) and held:
                    return jobs.after(rendered)
            case Failed():
                await self._fail(job, answer)
            case _:
                assert_never(answer)
        return None

    async def _excuse(self, job: Job, wait: float, error: ProviderError) -> None:
        """Wait for a provider that does not answer: that time does not count against the job, but for a day."""
        context = self.context
        if context.clock() >= max(job.deadline, jobs.excuse(job, wait)):
            await self._time_out(job, f"The provider did not answer until the deadline: {error}")
            return
        reason = error.said or str(error)
        await context.apply(jobs.later(job, context.clock() + wait, excused=wait), reason=reason)

    async def _wait(self, job: Job, answer: Pending) -> None:
        """Ask again later, until the deadline."""
        context = self.context
        if context.clock() >= job.deadline:
            await self._time_out(job, "The job did not end before its deadline.")
            return
        elapsed, usual = self._elapsed(job), self._usual(job)
        progress = answer.progress
        if progress is None:
            progress = pacing.estimate(elapsed, usual, answer.queue_position)
        if self.watching.relies(job):
            now = context.clock()
            await context.apply(jobs.pending(job, progress, now + pacing.guess_after(usual), asked_at=now))
            return
        wait = context.poll_seconds or answer.poll_after
        if wait is None:
            wait = pacing.poll_after(elapsed, usual)
        await context.apply(jobs.pending(job, progress, context.clock() + wait))

    async def _guess(self, job: Job) -> None:
        """Show how far the job probably is, and look again soon."""
        usual = self._usual(job)
        progress = pacing.estimate(self._elapsed(job), usual, None)
        wait = min(pacing.guess_after(usual), self.watching.patience_left(job))
        await self.context.apply(jobs.pending(job, progress, self.context.clock() + wait))

    def _elapsed(self, job: Job) -> float:
        now = self.context.clock()
        return now - (job.started_at or now)

    def _usual(self, job: Job) -> float:
        return self.context.pace.usual(job.provider, offer_of(job).endpoint)

    async def _time_out(self, job: Job, message: str) -> None:
        story = entry(job, "failed", code="timeout", message=message)
        await self.context.apply(jobs.failed(job, "timeout", message, self.context.clock(), story))

    async def _fail(self, job: Job, answer: Failed) -> None:
        """Try another provider where this one neither blames the input nor charged; else the output has failed."""
        context, now = self.context, self.context.clock()
        story = entry(job, "failed", code=answer.code, message=answer.message, cost=answer.cost)
        if answer.elsewhere and not answer.cost and (moved := onward(job, story, now)):
            await Settling(context).fail_over(job, answer, moved)
            return
        code = final_code(job, answer.code)
        await context.apply(jobs.failed(job, code, answer.message, now, story, answer.cost))
