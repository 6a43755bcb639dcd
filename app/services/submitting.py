"""The submit lane: from queued to running, paying once.

The intent is committed before any byte leaves; then one request is sent. What provably did not arrive, or was refused
in the provider's words, may be tried elsewhere or again. Everything else is unknown: it is looked for, or waited for
(a callback may still tell), and finally given up as `submission_unknown`, never sent a second time.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from app.db import outputs, shown, submissions
from app.db.session import DatabaseUnavailable
from app.domain import jobs
from app.domain.jobs import State
from app.domain.told import expecting
from app.media.errors import Busy, MediaError
from app.providers.base import Builds
from app.providers.errors import Indeterminate, Misconfigured, ProviderError, Rejected, Transient, Unfit, Unsent
from app.services.asking import asking
from app.services.attempts import entry, final_code, measured, offer_of, onward, retold, unavailable
from app.services.inputs import BUSY_SECONDS
from app.services.ordering import complete_order, notes
from app.services.settling import Settling

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.domain.jobs import Job, Transition
    from app.providers.base import Order, Provider
    from app.services.context import Context

log = structlog.get_logger()

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
            fitted, order = await self._prepare(job, provider)
        except MediaError as error:
            await context.apply(_unprepared(job, error, context.clock()), reason=error.message)
            return
        except ProviderError as error:  # nothing was ordered yet
            await self._refused(job, error)
            return
        begun = replace(fitted, state=State.SUBMITTING, attempts=job.attempts + 1)
        try:
            ours = await self._begin(fitted, order.submission_id, changed=fitted is not job)
        except DatabaseUnavailable as error:  # it may have been committed all the same, and nothing was sent
            again = jobs.resubmit(begun, context.clock())
            await Settling(context).refuse(begun, order.submission_id, f"never sent: {error}", again, unsent=True)
            return
        if not ours:
            return
        job = begun
        if not lease_holds():
            again = jobs.resubmit(job, context.clock())
            why = "not sent: the lease ran out, or the gateway stops"
            await Settling(context).refuse(job, order.submission_id, why, again, unsent=True)
            return
        try:
            with asking(job.provider, "submit"):
                operation = await provider.submit(order)
        except Indeterminate as error:
            if not error.busy:
                context.breakers.failed(job.provider)
            await context.apply(jobs.later(job, context.clock() + _LOOK_SECONDS), reason=f"unknown: {error}")
        except ProviderError as error:
            await self._refused(job, error, order.submission_id)
        else:
            context.breakers.worked(job.provider)
            await Settling(context).accept(
                job, order.submission_id, expecting(operation, order.callback_url), notes(order)
            )

    async def _prepare(self, job: Job, provider: Provider) -> tuple[Job, Order]:
        """Work out what is sent, all of it: what goes wrong here has provably sent nothing that costs.

        A video behind a URL is measured only now, and its length decides. Raises MediaError, ProviderError.
        """
        order = await complete_order(self.context, job, provider, f"sub_{secrets.token_hex(16)}")
        if order.video and order.video.seconds:
            job = measured(job, order.video.seconds)
            if problem := offer_of(job).refuses(order.video.seconds):
                raise Unfit(f"{job.provider}: the input video {problem}.")
            order = replace(order, seconds=offer_of(job).seconds)
        if isinstance(provider, Builds):
            try:
                provider.build(order)
            except ProviderError:
                raise
            except Exception as error:
                log.exception("an order cannot be built", output=job.id, provider=job.provider)
                raise Misconfigured(f"{job.provider}: the request cannot be built.", said=repr(error)) from error
        return job, order

    async def _refused(self, job: Job, error: ProviderError, submission: str | None = None) -> None:
        """Act on an authoritative no: fail where the input is at fault, else try the next offer.

        An upload that fails says nothing of whether submits work. What was said of the account is for the log alone.
        """
        context = self.context
        reason, now = str(error), context.clock()
        said = error.said or reason
        if submission and isinstance(error, Transient) and not error.busy:
            context.breakers.failed(job.provider)
        elif submission:
            context.breakers.worked(job.provider)  # it answered
        if isinstance(error, Rejected):
            story = entry(job, "refused", code=error.code, message=reason, cost=error.cost)
            failed = jobs.failed(job, error.code, reason, now, story, error.cost)
            await self._close(job, submission, failed, said)
        elif isinstance(error, Misconfigured | Unfit):
            story = entry(job, "refused", code=error.code, message=reason)
            failed = jobs.failed(retold(job, story), final_code(job, error.code), _all_unfit(job, error), now, story)
            await self._close(job, submission, onward(job, story, now) or failed, said)
        else:
            wait = error.retry_after if isinstance(error, Transient) else 0.0
            await self._elsewhere(job, wait, reason, submission, said, unsent=isinstance(error, Unsent))

    async def _elsewhere(
        self,
        job: Job,
        wait: float,
        reason: str,
        submission: str | None = None,
        said: str | None = None,
        *,
        unsent: bool = False,
    ) -> None:
        """Try the next offer at once; after the last, begin again when somebody may be asked: this one in `wait`."""
        now = self.context.clock()
        story = unavailable(job, reason, now, wait)
        failed = jobs.failed(job, "provider_error", reason, now, story)
        await self._close(job, submission, onward(job, story, now) or failed, said or reason, unsent=unsent)

    async def _close(
        self, job: Job, submission: str | None, transition: Transition, reason: str, *, unsent: bool = False
    ) -> None:
        if submission is None:
            await self.context.apply(transition, reason=reason)
        else:
            await Settling(self.context).refuse(job, submission, reason, transition, unsent=unsent)

    async def _begin(self, job: Job, submission: str, *, changed: bool) -> bool:
        """Commit the intent to pay, unless the output is no longer ours; `changed` says that its offers are new."""

        async def work(session: AsyncSession) -> bool:
            if not await outputs.apply(session, jobs.begin_submit(job)):
                return False
            if changed:
                await outputs.lock_video(session, job.video_id)
                await shown.put_offers(session, job.video_id, job.order["offers"])
            await submissions.begin(session, job, submission, offer_of(job).endpoint, self.context.clock())
            return True

        return await self.context.database.write(work, brief=True)


def _unprepared(job: Job, error: MediaError, now: float) -> Transition:
    """Give up a job whose input cannot be had, unless there was no time to look: then it is tried again."""
    if isinstance(error, Busy):
        return jobs.later(job, now + BUSY_SECONDS)
    return jobs.failed(job, "invalid_input", error.message, now)


def _all_unfit(job: Job, error: Misconfigured | Unfit) -> str:
    """Say why nobody takes the job: where it fits no provider, what each of them takes."""
    if not isinstance(error, Unfit):
        return str(error)
    before = [str(each["message"]) for each in job.history if each["code"] == Unfit.code]
    return " ".join([*before, str(error)])
