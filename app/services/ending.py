"""The cleanup lane: the pictures of a finished output, and what any leaves behind, here and upstream.

A provider goes on with a job that we gave up, and charges for it, unless it can be cancelled in time. So a job that was
cancelled or timed out is asked after until it has ended there too, and what it cost is booked. A submission that was
given up as unknown is looked for a while longer.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, assert_never

from app.db import deliveries, files, outputs, request_log, retention, settlement, submissions
from app.domain import jobs, pacing
from app.domain.jobs import GIVEN_UP, UNKNOWN, State
from app.providers.base import Cancels, Failed, Finds, Pending, Succeeded
from app.providers.errors import ProviderError
from app.services.asking import asking
from app.services.attempts import entry
from app.services.drawing import Drawing
from app.services.looking import look_for
from app.services.ordering import order_without_inputs
from app.services.settling import Settling

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.children import ForkServer
    from app.domain.jobs import Job, Operation
    from app.providers.base import Provider
    from app.services.context import Context

_PATIENCE_SECONDS = 24 * 3600.0  # after its deadline or its submission, a job is not asked after any more
_ORPHAN_AGE = timedelta(hours=1)  # an object is older than the row that names it, but not by that much
_DELIVERY_SECONDS = 30 * 24 * 3600.0  # after its event, what became of a webhook is not told any more
_ROOMS = ("inputs", "files", "characters")


@dataclass(frozen=True, slots=True)
class Ending:
    """What is done for outputs that have ended."""

    context: Context
    forks: ForkServer | None = None

    async def clean_up(self, job: Job) -> None:
        """Draw a finished output's pictures; remove what any leaves: upstream work, scratch, inputs, deleted media."""
        context = self.context
        async with context.database.read() as session:
            left = await outputs.leftovers(session, job)
        if left.ended:
            await context.inputs.drop(job.video_id)
        expired = left.expires_at is not None and left.expires_at <= context.clock()
        kept = None if left.deleted or expired else left.media_key
        if kept and job.state is State.COMPLETED and not await Drawing(context, self.forks).draw(job, kept):
            await self._take_back(job, kept)
            return
        shutil.rmtree(context.folder(job), ignore_errors=True)
        await context.store.delete_prefix(f"videos/{job.video_id}/{job.index}", keep=partial(_stays, job, kept))
        wait = await self._settle(job) if job.state is State.FAILED else None
        if wait is None:
            ours = await context.database.write(partial(_cleaned, job=job, now=context.clock(), expired=expired))
            if not ours and kept:
                await self._take_back(job, kept)
        else:
            await context.apply(jobs.later(job, context.clock() + wait))

    async def _take_back(self, job: Job, key: str) -> None:
        """Remove what was drawn of an output that was deleted meanwhile: the cleanup after that may have passed."""
        async with self.context.database.read() as session:
            left = await outputs.leftovers(session, job)
        if left.deleted or left.media_key is None:
            await self.context.store.delete_prefix(key)

    async def _settle(self, job: Job) -> float | None:
        """Learn how a failed output ended upstream; return the seconds until it must be asked again, None for never."""
        provider = self.context.providers.get(job.provider)
        if provider is None:
            return None
        if job.operation is not None and job.error in GIVEN_UP:
            return None if job.cost is not None else await self._wind_up(job, provider, job.operation)
        unknown = job.operation is None and job.error in (UNKNOWN, *GIVEN_UP)
        return await self._look(job, provider) if unknown else None

    async def _look(self, job: Job, provider: Provider) -> float | None:
        """Look once more for a submission that was given up."""
        context = self.context
        async with context.database.read() as session:
            sent = await submissions.last(session, job.id)
        if sent is None or sent.phase != "submitting" or not isinstance(provider, Finds):
            return None
        if not job.order["offers"]:  # it was deleted with what it asked for: only a callback can tell now
            return None
        age = context.clock() - sent.intent_at
        if age > _PATIENCE_SECONDS:
            return None
        order = order_without_inputs(context, job, provider, sent.id)
        found = await look_for(context, job.provider, provider, order, sent.intent_at)
        if found.operation is not None:
            await Settling(context).accept(job, sent.id, found.operation)
        return pacing.ask_again(age)

    async def _wind_up(self, job: Job, provider: Provider, operation: Operation) -> float | None:
        """Cancel upstream; where that is too late, wait for the end there and book it."""
        context = self.context
        age = context.clock() - (job.started_at or job.created_at)
        if context.clock() > job.deadline + _PATIENCE_SECONDS:
            context.log(job, State.FAILED, applied=True, reason="not known how it ended upstream; not asked any more")
            return None
        try:
            if isinstance(provider, Cancels):
                with asking(job.provider, "cancel"):
                    ended = await provider.cancel(operation)
                if ended:
                    return None
            with asking(job.provider, "poll"):
                answer = await provider.poll(operation)
        except ProviderError as error:
            context.log(job, State.FAILED, applied=True, reason=f"not known how it ended upstream: {error}")
            return pacing.ask_again(age)
        match answer:
            case Pending():
                return pacing.ask_again(age)
            case Succeeded():
                await self._book(job, answer.cost, "It was completed after it had been given up.")
            case Failed():
                await self._book(job, answer.cost or 0, answer.message)
            case _:
                assert_never(answer)
        return None

    async def _book(self, job: Job, cost: int | None, message: str) -> None:
        """Add what the provider charged for a job that we gave up; None where it does not tell."""
        if cost == 0:
            return
        story = entry(job, "charged", code=job.error, message=message, cost=cost)
        booking = partial(outputs.book, job=job, cost=cost, story=story, now=self.context.clock())
        await self.context.database.write(booking)
        self.context.log(job, State.FAILED, applied=True, reason=message, cost=cost)

    async def sweep(self, *, everything: bool = False) -> None:
        """Let go what has expired, and what a killed process left: scratch, inputs, files that no row came to name.

        A file is stored before its row is written, so only old ones go; `everything` is for a time at which nobody
        can be writing.
        """
        context = self.context
        expire = partial(retention.expire, now=context.clock(), keep=context.keep_seconds)
        await context.database.write(expire)
        await self._prune()
        old = None if everything else datetime.now(UTC) - _ORPHAN_AGE
        folders = list(context.scratch.iterdir())
        found = {prefix: await context.store.names(prefix, older_than=old) for prefix in _ROOMS}
        async with context.database.read() as session:
            live, videos = await outputs.live_ids(session)
            kept = await files.all_ids(session)
        for folder in folders:
            if folder.name not in live:
                shutil.rmtree(folder, ignore_errors=True)
        for prefix, names in found.items():
            for name in names:
                if name not in (videos if prefix == "inputs" else kept):
                    await context.store.delete_prefix(f"{prefix}/{name}")

    async def _prune(self) -> None:
        """Remove what is too old of the logs, a part at a time."""
        context, now = self.context, self.context.clock()
        for part in (
            partial(request_log.prune, before=now - context.request_log_seconds),
            partial(deliveries.prune, before=now - _DELIVERY_SECONDS),
        ):
            while await context.database.write(part):
                pass


def _stays(job: Job, kept: str | None, fence: str) -> bool:
    """Say whether what the step of that fence stored stays: what is shown, and what is newer than this cleanup.

    An output that was given up may be found, finished and stored while its cleanup is under way.
    """
    return f"videos/{job.video_id}/{job.index}/{fence}" == kept or (fence.isdecimal() and int(fence) > job.fence)


async def _cleaned(session: AsyncSession, *, job: Job, now: float, expired: bool) -> bool:
    """Note that nothing is left, and so nothing that might still cost; False means that the row is no longer ours."""
    if expired:
        await retention.media_gone(session, job)
    ours = await outputs.cleaned(session, job)
    if job.state is State.FAILED:
        await settlement.settle(session, job.id, now)
    return ours
