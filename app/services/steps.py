"""What the engine does with a claimed output: one function per state, each one short step.

Every step reads the job it was handed, talks to the provider or the store, and applies one transition. A transition
that finds the row changed does nothing: somebody else owns the output now.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import structlog

from app.db import outputs
from app.domain import jobs
from app.domain.catalogue import Mode
from app.domain.jobs import Job, Media, State
from app.media.errors import MediaError
from app.media.probe import make_pictures
from app.providers.base import (
    Cancels,
    Failed,
    Finds,
    Indeterminate,
    Misconfigured,
    Order,
    Pending,
    Provider,
    ProviderError,
    Rejected,
    Succeeded,
    Transient,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.session import Database
    from app.domain.jobs import Operation, Transition
    from app.domain.plain import Json
    from app.media.store import MediaStore
    from app.services.inputs import Inputs

log = structlog.get_logger()

_RETRY_SECONDS = 5.0  # after a fault of ours or of the network
_OPERATOR_SECONDS = 30.0  # after a fault that only the operator can mend


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps and what they need. `clock` gives unix seconds; `scratch` holds one folder per output at work."""

    database: Database
    providers: Mapping[str, Provider]
    store: MediaStore
    inputs: Inputs
    scratch: Path
    clock: Callable[[], float]
    poll_seconds: float | None

    async def submit(self, job: Job, lease_holds: Callable[[], bool]) -> None:
        """Turn a queued output into a running one: intent first, then one request to the provider."""
        if await self._overdue(job):
            return
        try:
            order = await self._order(job, f"sub_{secrets.token_hex(16)}")
        except MediaError as error:
            await self._apply(jobs.failed(job, "invalid_input", error.message, self.clock()))
            return
        if job.state is State.SUBMITTING:
            await self._settle(job, order)
            return
        if not await self._begin(job, order.submission_id):
            return
        job = replace(job, state=State.SUBMITTING, attempts=job.attempts + 1)
        if not lease_holds():
            await self._refuse(job, order.submission_id, "the lease ran out before anything was sent", self.clock())
            return
        try:
            operation = await self.providers[job.provider].submit(order)
        except Transient as error:
            await self._refuse(job, order.submission_id, str(error), self.clock() + error.retry_after)
        except (Rejected, Misconfigured) as error:
            code = error.code if isinstance(error, Rejected) else "provider_error"
            await self.database.write(partial(self._answer, order.submission_id, operation=None, error=str(error)))
            await self._apply(jobs.failed(job, code, str(error), self.clock()))
        except Indeterminate as error:
            await self._apply(jobs.later(job, self.clock() + _RETRY_SECONDS), reason=str(error))
        else:
            await self._accept(job, order.submission_id, operation)

    async def poll(self, job: Job) -> None:
        """Ask the provider how a running output stands."""
        if await self._overdue(job):
            return
        if job.operation is None:
            raise RuntimeError(f"output {job.id} is running without an operation")
        try:
            answer = await self.providers[job.provider].poll(job.operation)
        except Transient as error:
            await self._apply(jobs.later(job, self.clock() + error.retry_after), reason=str(error))
            return
        except ProviderError as error:
            await self._apply(jobs.later(job, self.clock() + _OPERATOR_SECONDS), reason=str(error))
            return
        match answer:
            case Pending():
                wait = self.poll_seconds or answer.poll_after or _RETRY_SECONDS
                await self._apply(jobs.pending(job, answer.progress, self.clock() + wait))
            case Succeeded():
                result: dict[str, Json] = {"path": str(answer.path), "cost": answer.cost}
                await self._apply(jobs.rendered(job, result, self.clock()))
            case Failed():
                await self._apply(jobs.failed(job, answer.code, answer.message, self.clock()))
            case _:
                assert_never(answer)

    async def keep(self, job: Job) -> None:
        """Copy a finished result into our own storage, with its pictures and facts."""
        if await self._overdue(job):
            return
        result = job.result or {}
        source = Path(str(result["path"]))
        folder = self._folder(job)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            pictures = await make_pictures(source, folder)
        except MediaError as error:
            code = "media_unavailable"
            await self._apply(jobs.failed(job, code, f"The result is unusable. {error.message}", self.clock()))
            return
        key = f"videos/{job.video_id}/{job.index}/{job.fence}"
        await self.store.put_file(f"{key}/video.mp4", source, "video/mp4")
        await self.store.put_file(f"{key}/thumbnail.webp", pictures.thumbnail, "image/webp")
        await self.store.put_file(f"{key}/spritesheet.jpg", pictures.spritesheet, "image/jpeg")
        facts = pictures.facts
        media = Media(
            key=key,
            content_type=facts.content_type,
            size_bytes=facts.size_bytes,
            width=facts.width,
            height=facts.height,
            duration=facts.duration,
            fps=facts.fps,
            num_frames=facts.num_frames,
            cost=_whole(result["cost"]),
        )
        await self._apply(jobs.stored(job, media, self.clock()))

    async def clean_up(self, job: Job) -> None:
        """Remove what a terminal output leaves behind: upstream work, scratch files, inputs, deleted media."""
        provider = self.providers.get(job.provider)
        if job.state is State.FAILED and job.operation is not None and provider and isinstance(provider, Cancels):
            await provider.cancel(job.operation)
        shutil.rmtree(self._folder(job), ignore_errors=True)
        async with self.database.read() as session:
            left = await outputs.leftovers(session, job)
        if left.ended:
            await self.inputs.drop(job.video_id)
        kept = None if left.deleted else left.media_key
        await self.store.delete_prefix(f"videos/{job.video_id}/{job.index}", keep=kept)
        await self.database.write(partial(outputs.cleaned, job=job))

    async def sweep(self) -> None:
        """Remove the scratch folders of outputs that have ended: a killed process could not."""
        async with self.database.read() as session:
            live = await outputs.live_ids(session)
        for folder in self.scratch.iterdir():
            if folder.name not in live:
                shutil.rmtree(folder, ignore_errors=True)

    async def _begin(self, job: Job, submission: str) -> bool:
        """Commit the intent to pay, unless the output is no longer ours."""

        async def work(session: AsyncSession) -> bool:
            if await outputs.apply(session, jobs.begin_submit(job)) is None:
                return False
            await outputs.begin_submission(session, job, submission, self.clock())
            return True

        return await self.database.write(work)

    async def _settle(self, job: Job, order: Order) -> None:
        """Find out what became of a submission whose answer was lost; never send it again unless it surely failed."""
        async with self.database.read() as session:
            submission = await outputs.last_submission(session, job)
        provider = self.providers[job.provider]
        if submission is None or not isinstance(provider, Finds):
            message = "The gateway could not learn whether the provider accepted the job; it may have been charged."
            await self._apply(jobs.failed(job, "submission_unknown", message, self.clock()))
            return
        operation = await provider.find_submission(order)
        if operation is None:
            await self._refuse(job, submission, "not accepted, says the provider", self.clock())
        else:
            await self._accept(job, submission, operation)

    async def _accept(self, job: Job, submission: str, operation: Operation) -> None:
        async def work(session: AsyncSession) -> bool:
            await self._answer(submission, session, operation=operation)
            return await outputs.apply(session, jobs.accepted(job, operation, self.clock())) is not None

        self._log(job, State.RUNNING, applied=await self.database.write(work))

    async def _refuse(self, job: Job, submission: str, reason: str, run_at: float) -> None:
        async def work(session: AsyncSession) -> bool:
            await self._answer(submission, session, operation=None, error=reason)
            return await outputs.apply(session, jobs.resubmit(job, run_at)) is not None

        self._log(job, State.QUEUED, applied=await self.database.write(work), reason=reason)

    async def _answer(
        self, submission: str, session: AsyncSession, *, operation: Operation | None, error: str | None = None
    ) -> None:
        await outputs.answer_submission(session, submission, self.clock(), operation=operation, error=error)

    async def _overdue(self, job: Job) -> bool:
        if self.clock() < job.deadline:
            return False
        await self._apply(jobs.failed(job, "timeout", "The job did not end before its deadline.", self.clock()))
        return True

    async def _apply(self, transition: Transition, *, reason: str | None = None) -> None:
        state = await self.database.write(partial(outputs.apply, transition=transition))
        error = transition.values.get("error_message")
        self._log(
            transition.job,
            transition.to,
            applied=state is not None,
            reason=reason or (str(error) if error else None),
            code=transition.values.get("error_code"),
        )

    def _log(self, job: Job, to: State, *, applied: bool, **facts: object) -> None:
        if to is job.state and not facts.get("reason"):
            return  # a poll that found nothing new
        log.info(
            "output moved" if applied else "output overtaken",
            video=job.video_id,
            output=job.id,
            index=job.index,
            provider=job.provider,
            attempt=job.attempts,
            state=f"{job.state} -> {to}",
            **{name: value for name, value in facts.items() if value is not None},
        )

    async def _order(self, job: Job, submission: str) -> Order:
        """Put the job's inputs on disk and build what the provider is sent. Raises MediaError."""
        folder = self._folder(job)
        folder.mkdir(parents=True, exist_ok=True)
        wanted = job.order
        inputs = await self.inputs.materialise(wanted["inputs"], folder, self.providers[job.provider])
        extra = wanted["extra"]
        return Order(
            submission_id=submission,
            output_id=job.id,
            model=str(wanted["model"]),
            mode=Mode(str(wanted["mode"])),
            endpoint=str(wanted["endpoint"]),
            prompt=str(wanted["prompt"]),
            ratio=str(wanted["ratio"]),
            resolution=str(wanted["resolution"]),
            seconds=_whole(wanted["seconds"]),
            seed=_seed(job),
            images=tuple(found for found in inputs if found.kind == "image"),
            video=next((found for found in inputs if found.kind == "video"), None),
            extra=extra if isinstance(extra, dict) else {},
        )

    def _folder(self, job: Job) -> Path:
        return self.scratch / job.id


def _seed(job: Job) -> int:
    """Derive the output's seed from what was asked and its index: the same request gives the same clips."""
    asked = {name: value for name, value in job.order.items() if name != "inputs"}
    text = json.dumps([asked, job.index], sort_keys=True, ensure_ascii=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) else None
