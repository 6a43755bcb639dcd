"""What every step of the engine has in common: the things it works with, and how it applies a transition."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import structlog

from app.db import outputs
from app.db.session import DatabaseUnavailable, of_video
from app.domain.jobs import LIVE, State
from app.services.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.session import Database, News
    from app.domain.jobs import Job, Transition
    from app.domain.plain import Json
    from app.media.fetch import Fetcher
    from app.media.store import MediaStore
    from app.providers.base import Provider
    from app.services.breakers import Breakers
    from app.services.inputs import Inputs
    from app.services.links import Links
    from app.services.pace import Pace
    from app.services.posting import Poster

log = structlog.get_logger()

T = TypeVar("T")
_PERSIST_SECONDS = (0.2, 5.0)  # between two tries to write: the first, and at most


@dataclass(frozen=True, slots=True)
class Context:
    """What steps need. `clock` gives unix seconds; `scratch` holds one folder per output at work.

    `poll_seconds` fixes the interval between polls (None: it adapts); `settle_seconds` is how long an unknown
    submission is looked for; `resubmits` are the providers for which the operator has it sent again then;
    `keep_seconds` is how long a finished video is kept (None: for ever), `request_log_seconds` the request log;
    `max_video_bytes` is the largest result taken; `tally` counts ends;
    `callback_base` is our own address where providers can reach us, `public_url` where clients do, if that was said.
    """

    database: Database
    providers: Mapping[str, Provider]
    store: MediaStore
    inputs: Inputs
    downloads: Fetcher
    scratch: Path
    clock: Callable[[], float]
    breakers: Breakers
    pace: Pace
    links: Links
    poster: Poster
    poll_seconds: float | None = None
    settle_seconds: float = 600.0
    keep_seconds: float | None = None
    request_log_seconds: float = 30 * 86400.0
    callback_base: str | None = None
    public_url: str | None = None
    resubmits: frozenset[str] = frozenset()
    max_video_bytes: int = 16 << 30
    tally: Tally = field(default_factory=Tally)

    async def persist(self, work: Callable[[AsyncSession], Awaitable[T]], news: News | None = None) -> T:
        """Write what must not be forgotten: while the database is away, it is tried again and again."""
        pause = _PERSIST_SECONDS[0]
        while True:
            try:
                return await self.database.write(work, news, brief=True)
            except DatabaseUnavailable as error:
                log.error("a provider's answer cannot be written down yet", reason=str(error))
            await asyncio.sleep(pause)
            pause = min(_PERSIST_SECONDS[1], 2 * pause)

    async def apply(self, transition: Transition, *, reason: str | None = None) -> bool:
        """Carry a transition out and write one log line; False means that the output is no longer ours."""
        job = transition.job
        work = partial(outputs.apply, transition=transition, keep=self.keep_seconds)
        applied = await self.database.write(work, news_of(transition), brief=True)
        error = transition.values.get("error_message")
        self.log(
            job,
            transition.to,
            applied=applied,
            reason=reason or (str(error) if error else None),
            code=transition.values.get("error_code"),
        )
        return applied

    def log(self, job: Job, to: State, *, applied: bool, **facts: object) -> None:
        """Tell in one line what happened to which job; a poll that found nothing new is not worth one."""
        if applied and to is not job.state:
            self.database.tell(to)  # another lane has it now
            if to not in LIVE:
                self.tally.ended(job.provider, _model(job), to if to is State.COMPLETED else facts.get("code"))
        if to is job.state and not facts.get("reason"):
            return
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

    def failed_over(self, job: Job, code: str) -> None:
        """Count that a provider failed at a job that another one is tried for."""
        self.tally.failed_over(job.provider, _model(job), code)

    def folder(self, job: Job) -> Path:
        """Return the output's scratch folder."""
        return self.scratch / job.id

    def film(self, job: Job) -> Path:
        """Return where a finished result lies on this machine, if it does."""
        made = (job.result or {}).get("path")
        return Path(str(made)) if made else self.folder(job) / "result.mp4"


def _model(job: Job) -> Json:
    """Return what the provider calls the model; the order of a deleted video does not say."""
    offers = job.order.get("offers")
    offer = offers[job.offer] if isinstance(offers, list) and job.offer < len(offers) else None
    return offer.get("model") if isinstance(offer, dict) else None


def news_of(transition: Transition) -> News | None:
    """Return what every replica is told of it: an end, which clients wait for. The rest they find when they look."""
    ended = transition.to is not transition.job.state and transition.to not in LIVE
    return of_video(transition.job.video_id) if ended else None
