"""The submit lane: from queued to running, paying once.

The intent is committed before any byte leaves; then one request is sent. What provably did not arrive, or was refused
in the provider's words, may be tried elsewhere or again. Everything else is unknown: it is looked for, or waited for
(a callback may still tell), and finally given up as `submission_unknown`, never sent a second time.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.db import outputs, submissions
from app.domain import jobs
from app.domain.jobs import State
from app.media.errors import MediaError
from app.providers.base import Indeterminate, Misconfigured, ProviderError, Rejected, Transient
from app.services.attempts import entry, final_code, offer_of, onward, retold, unavailable
from app.services.ordering import complete_order, notes
from app.services.settling import Settling

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.domain.jobs import Job, Transition
    from app.services.context import Context

_LOOK_SECONDS = 30.0  # between two looks for an unknown submission


@dataclass(frozen=True, slots=True)
class Submitting:
    """One function per state of the lane."""

    context: Context

    async def submit(self, job: Job, lease_holds: Callable[[], bool]) -> None:
        """Take a queued output, or one whose submission is unknown, one step further."""
        context = self.context
        if job.state is State.SUBMITTING:
            await Settling(context).settle(job)
        elif context.clock() >= job.deadline:
            message = "The job was not accepted before its deadline."
            await context.apply(jobs.failed(job, "timeout", message, context.clock()))
        elif job.provider not in context.providers:
            await self._refused(job, Misconfigured(f"{job.provider} is not configured any more."))
        elif not context.breakers.allows(job.provider, job.id):
            await self._elsewhere(job, context.breakers.wait(job.provider), f"{job.provider} is out of order")
        else:
            try:
                await self._send(job, lease_holds)
            finally:  # where it ended before the provider was asked
                context.breakers.released(job.provider, job.id)

    async def _send(self, job: Job, lease_holds: Callable[[], bool]) -> None:
        context = self.context
        provider = context.providers[job.provider]
        try:
            order = await complete_order(context, job, provider, f"sub_{secrets.token_hex(16)}")
        except MediaError as error:
            await context.apply(jobs.failed(job, "invalid_input", error.message, context.clock()))
            return
        except ProviderError as error:  # an upload: nothing was ordered yet
            await self._refused(job, error)
            return
        problem = offer_of(job).refuses(order.video.seconds) if order.video else None
        if problem:
            message = f"The input video {problem}."
            await context.apply(jobs.failed(job, "invalid_input", message, context.clock()))
            return
        if not await self._begin(job, order.submission_id):
            return
        job = replace(job, state=State.SUBMITTING, attempts=job.attempts + 1)
        if not lease_holds():
            again = jobs.resubmit(job, context.clock())
            await Settling(context).refuse(job, order.submission_id, "the lease ran out", again)
            return
        try:
            operation = await provider.submit(order)
        except Indeterminate as error:
            if not error.busy:
                context.breakers.failed(job.provider)
            await context.apply(jobs.later(job, context.clock() + _LOOK_SECONDS), reason=f"unknown: {error}")
        except ProviderError as error:
            await self._refused(job, error, order.submission_id)
        else:
            context.breakers.worked(job.provider)
            await Settling(context).accept(job, order.submission_id, operation, notes(order))

    async def _refused(self, job: Job, error: ProviderError, submission: str | None = None) -> None:
        """Act on an authoritative no: fail where the input is at fault, else try the next offer."""
        context = self.context
        reason, now = str(error), context.clock()
        if isinstance(error, Transient) and not error.busy:
            context.breakers.failed(job.provider)
        elif submission:
            context.breakers.worked(job.provider)  # it answered
        if isinstance(error, Rejected):
            story = entry(job, "refused", code=error.code, message=reason, cost=error.cost)
            failed = jobs.failed(job, error.code, reason, now, story, error.cost)
            await self._close(job, submission, failed, reason)
        elif isinstance(error, Misconfigured):
            story = entry(job, "refused", code=error.code, message=reason)
            failed = jobs.failed(retold(job, story), final_code(job, error.code), reason, now, story)
            await self._close(job, submission, onward(job, story, now) or failed, reason)
        else:
            wait = error.retry_after if isinstance(error, Transient) else 0.0
            await self._elsewhere(job, wait, reason, submission)

    async def _elsewhere(self, job: Job, wait: float, reason: str, submission: str | None = None) -> None:
        """Try the next offer at once; after the last, begin again when somebody may be asked: this one in `wait`."""
        now = self.context.clock()
        story = unavailable(job, reason, now, wait)
        failed = jobs.failed(job, "provider_error", reason, now, story)
        await self._close(job, submission, onward(job, story, now) or failed, reason)

    async def _close(self, job: Job, submission: str | None, transition: Transition, reason: str | None = None) -> None:
        if submission is None:
            await self.context.apply(transition, reason=reason)
        else:
            await Settling(self.context).refuse(job, submission, reason or "refused", transition)

    async def _begin(self, job: Job, submission: str) -> bool:
        """Commit the intent to pay, unless the output is no longer ours."""

        async def work(session: AsyncSession) -> bool:
            if await outputs.apply(session, jobs.begin_submit(job)) is None:
                return False
            await submissions.begin(session, job, submission, offer_of(job).endpoint, self.context.clock())
            return True

        return await self.context.database.write(work)
