"""The submit lane: from queued to running, paying once.

The intent is committed before any byte leaves; then one request is sent. What provably did not arrive, or was refused
in the provider's words, may be tried elsewhere or again. Everything else is unknown: it is looked for, or waited for
(a callback may still tell), and finally given up as `submission_unknown`, never sent a second time.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from app.db import outputs
from app.domain import jobs
from app.domain.catalogue import Mode
from app.domain.jobs import State
from app.domain.sizing import ParameterWarning
from app.media.errors import MediaError
from app.providers.base import (
    Finds,
    Indeterminate,
    Misconfigured,
    Order,
    ProviderError,
    Rejected,
    Sent,
    TakesCallbacks,
    Transient,
)
from app.services.attempts import entry, final_code, offer_of, onward, retold, unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.domain.jobs import Job, Operation, Transition
    from app.providers.base import Provider
    from app.services.context import Context

_LOOK_SECONDS = 30.0  # between two looks for an unknown submission
_FIRST_POLL_SECONDS = 0.25  # what a provider refuses after accepting it, it often refuses at once


@dataclass(frozen=True, slots=True)
class Submitting:
    """One function per state of the lane."""

    context: Context

    async def submit(self, job: Job, lease_holds: Callable[[], bool]) -> None:
        """Take a queued output, or one whose submission is unknown, one step further."""
        context = self.context
        if job.state is State.SUBMITTING:
            await self._settle(job)
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
            order = await self._order(job, provider, f"sub_{secrets.token_hex(16)}")
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
            await self._not_accepted(job, order.submission_id, "the lease ran out", jobs.resubmit(job, context.clock()))
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
            await self._accept(job, order, operation)

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
            await self._not_accepted(job, submission, reason or "refused", transition)

    async def _settle(self, job: Job) -> None:
        """Find out what became of a submission whose answer was lost."""
        context = self.context
        async with context.database.read() as session:
            submission = await outputs.last_submission(session, job)
        provider = context.providers.get(job.provider)
        if submission is not None and provider and isinstance(provider, Finds):
            order = await self._order(job, provider, submission.id)
            operation = await provider.find_submission(Sent(submission.id, submission.endpoint, submission.intent_at))
            if operation is not None:
                await self._accept(job, order, operation)
                return
            if provider.lists_all:
                again = jobs.resubmit(job, context.clock())
                await self._not_accepted(job, submission.id, "not accepted, says the provider", again)
                return
        if submission is not None and context.clock() < submission.intent_at + context.settle_seconds:
            await context.apply(jobs.later(job, context.clock() + _LOOK_SECONDS), reason="still unknown")
            return
        message = "The gateway could not learn whether the provider accepted the job; it may have been charged."
        story = entry(job, "unknown", code="submission_unknown", message=message)
        await context.apply(jobs.failed(job, "submission_unknown", message, context.clock(), story))

    async def _begin(self, job: Job, submission: str) -> bool:
        """Commit the intent to pay, unless the output is no longer ours."""

        async def work(session: AsyncSession) -> bool:
            if await outputs.apply(session, jobs.begin_submit(job)) is None:
                return False
            await outputs.begin_submission(session, job, submission, offer_of(job).endpoint, self.context.clock())
            return True

        return await self.context.database.write(work)

    async def _accept(self, job: Job, order: Order, operation: Operation) -> None:
        context, now = self.context, self.context.clock()
        transition = jobs.accepted(job, operation, now, now + _FIRST_POLL_SECONDS)

        async def work(session: AsyncSession) -> bool:
            await outputs.answer_submission(session, order.submission_id, now, operation=operation)
            await outputs.add_warnings(session, job.video_id, _notes(order))
            return await outputs.apply(session, transition) is not None

        context.log(job, State.RUNNING, applied=await context.database.write(work))

    async def _not_accepted(self, job: Job, submission: str, reason: str, transition: Transition) -> None:
        """Write down that nothing was bought, together with what follows from it."""
        context = self.context
        work = partial(
            _close_submission, submission=submission, reason=reason, transition=transition, now=context.clock()
        )
        context.log(job, transition.to, applied=await context.database.write(work), reason=reason)

    async def _order(self, job: Job, provider: Provider, submission: str) -> Order:
        """Put the job's inputs in reach and build what the provider is sent. Raises MediaError, ProviderError."""
        context = self.context
        folder = context.folder(job)
        folder.mkdir(parents=True, exist_ok=True)
        wanted, offer = job.order, offer_of(job)
        inputs = await context.inputs.materialise(wanted["inputs"], folder, provider)
        extra, user = wanted["extra"], wanted["user"]
        calls_back = context.callback_base is not None and isinstance(provider, TakesCallbacks)
        return Order(
            submission_id=submission,
            output_id=job.id,
            model=offer.model,
            mode=Mode(str(wanted["mode"])),
            endpoint=offer.endpoint,
            prompt=str(wanted["prompt"]),
            ratio=offer.ratio,
            resolution=offer.resolution,
            seconds=offer.seconds,
            seed=_seed(job),
            images=tuple(found for found in inputs if found.kind == "image"),
            video=next((found for found in inputs if found.kind == "video"), None),
            extra=extra if isinstance(extra, dict) else {},
            wire=offer.wire,
            user=user if isinstance(user, str) else None,
            callback_url=f"{context.callback_base}/{job.provider}/{submission}" if calls_back else None,
        )


async def _close_submission(
    session: AsyncSession, *, submission: str, reason: str, transition: Transition, now: float
) -> bool:
    await outputs.answer_submission(session, submission, now, operation=None, error=reason)
    return await outputs.apply(session, transition) is not None


def _notes(order: Order) -> list[ParameterWarning]:
    """Say what may not work about the inputs as they were sent."""
    inputs = [*order.images, *([order.video] if order.video else [])]
    return [
        ParameterWarning("input_reference", "converted", item.kind, "data URI", item.note)
        for item in inputs
        if item.note
    ]


def _seed(job: Job) -> int:
    """Derive the output's seed from what was asked and its index: the same request gives the same clips."""
    asked = {name: value for name, value in job.order.items() if name != "inputs"}
    text = json.dumps([asked, job.index], sort_keys=True, ensure_ascii=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1
