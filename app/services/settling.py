"""Submissions whose answer was lost: looked for, waited for (a callback may still tell), and finally given up.

They are never sent a second time, unless the provider's own listing is complete and does not have them, or the
operator has chosen to pay twice rather than to ask (REELGATE_RESUBMIT_UNKNOWN).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from app.db import outputs, settlement, submissions
from app.domain import jobs
from app.domain.jobs import UNKNOWN, State
from app.providers.base import Finds
from app.services.attempts import entry
from app.services.context import news_of
from app.services.looking import look_for
from app.services.ordering import order_without_inputs

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.tables import SubmissionRow
    from app.domain.jobs import Job, Operation, Transition
    from app.domain.sizing import ParameterWarning
    from app.providers.base import Failed
    from app.services.context import Context

_LOOK_SECONDS = 30.0  # between two looks for an unknown submission


@dataclass(frozen=True, slots=True)
class Settling:
    """What a provider's answer, or its absence, means for a submission."""

    context: Context

    async def settle(self, job: Job) -> None:
        """Find out what became of a submission whose answer was lost."""
        context = self.context
        async with context.database.read() as session:
            sent = await submissions.last(session, job.id)
        if sent is None or sent.phase in ("refused", "unsent"):  # written down after the lease had run out
            await context.apply(jobs.resubmit(job, context.clock()), reason="not accepted")
            return
        if await self._found(job, sent):
            return
        if context.clock() < sent.intent_at + context.settle_seconds:
            await context.apply(jobs.later(job, context.clock() + _LOOK_SECONDS), reason="still unknown")
        elif job.provider in context.resubmits:
            await self._send_again(job, sent.id)
        else:
            message = "The gateway could not learn whether the provider accepted the job; it may have been charged."
            story = entry(job, "unknown", code=UNKNOWN, message=message)
            await context.apply(jobs.failed(job, UNKNOWN, message, context.clock(), story))

    async def _found(self, job: Job, sent: SubmissionRow) -> bool:
        """Ask the provider; say whether that settled it."""
        context = self.context
        provider = context.providers.get(job.provider)
        if provider is None or not isinstance(provider, Finds):
            return False
        order = order_without_inputs(context, job, provider, sent.id)
        found = await look_for(context, job.provider, provider, order, sent.intent_at)
        if found.operation is not None:
            await self.accept(job, sent.id, found.operation)
        elif found.surely_not:
            await self.refuse(job, sent.id, "not accepted, says the provider", jobs.resubmit(job, context.clock()))
        return found.operation is not None or found.surely_not

    async def accept(
        self, job: Job, submission: str, operation: Operation, notes: list[ParameterWarning] | None = None
    ) -> None:
        """Write down that the provider took the job. What it said is kept until the database can write it."""
        work = partial(_accept, job=job, submission=submission, operation=operation, notes=notes or [])
        effect = await self.context.persist(partial(work, now=self.context.clock()))
        self.context.log(job, State.RUNNING, applied=effect in ("accepted", "adopted"), operation=operation.get("id"))

    async def _send_again(self, job: Job, submission: str) -> None:
        now = self.context.clock()
        again = jobs.resubmit(job, now)
        work = partial(_send_again, submission=submission, again=again, now=now)
        applied = await self.context.persist(work, news_of(again))
        self.context.log(job, again.to, applied=applied, reason="unknown, sent again")

    async def refuse(
        self, job: Job, submission: str, reason: str, transition: Transition, *, unsent: bool = False
    ) -> None:
        """Write down that nothing was bought, for it was refused or never left, together with what follows from it."""
        now = self.context.clock()
        work = partial(_refuse, submission=submission, reason=reason, transition=transition, now=now, unsent=unsent)
        applied = await self.context.persist(work, news_of(transition))
        code = transition.values.get("error_code")
        self.context.log(job, transition.to, applied=applied, reason=reason, code=code)

    async def fail_over(self, job: Job, failure: Failed, transition: Transition) -> None:
        """Write down that the provider failed at what it had taken, together with who is tried next."""
        context = self.context
        work = partial(_fail_over, transition=transition, code=failure.code, now=context.clock())
        applied = await context.database.write(work, news_of(transition), brief=True)
        context.log(job, transition.to, applied=applied, reason=failure.message)
        if applied:
            context.failed_over(job, failure.code)


async def _accept(
    session: AsyncSession,
    *,
    job: Job,
    submission: str,
    operation: Operation,
    notes: list[ParameterWarning],
    now: float,
) -> str | None:
    await outputs.add_warnings(session, job.video_id, notes)
    return await submissions.accept(session, submission, operation, now)


async def _send_again(session: AsyncSession, *, submission: str, again: Transition, now: float) -> bool:
    await outputs.lock_video(session, again.job.video_id)
    applied = await outputs.apply(session, again)
    if applied:  # else it was cancelled or accepted meanwhile, and is as unknown or as known as before
        await submissions.send_again(session, submission, now)
    return applied


async def _fail_over(session: AsyncSession, *, transition: Transition, code: str, now: float) -> bool:
    applied = await outputs.apply(session, transition)
    if applied:
        await submissions.fail(session, transition.job, code, now)
    return applied


async def _refuse(
    session: AsyncSession, *, submission: str, reason: str, transition: Transition, now: float, unsent: bool
) -> bool:
    await outputs.lock_video(session, transition.job.video_id)
    await submissions.refuse(session, submission, reason, now, unsent=unsent)
    applied = await outputs.apply(session, transition)
    if not applied:  # it was cancelled meanwhile, and kept reserved what this might have cost
        await settlement.settle(session, transition.job.id, now)
    return applied
