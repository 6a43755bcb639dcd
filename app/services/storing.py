"""The store lane: results become ours."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.domain import jobs
from app.domain.jobs import Media
from app.media.bucket import faults
from app.media.errors import MediaError
from app.media.fetch import TooLarge
from app.media.probe import inspect_result
from app.services.asking import asking
from app.services.attempts import entry

if TYPE_CHECKING:
    from pathlib import Path

    from app.children import ForkServer
    from app.domain.jobs import Job
    from app.domain.plain import Json
    from app.media.probe import VideoFacts
    from app.services.context import Context

_TRIES = 6
_PATIENT_TRIES = 150  # of a server that has trouble: about a day
_RETRY_SECONDS = (2.0, 5.0, 15.0, 60.0, 180.0, 600.0)  # between two tries to fetch a result


@dataclass(frozen=True, slots=True)
class Storing:
    """One step of the lane. With a fork server, results are looked at sooner."""

    context: Context
    forks: ForkServer | None = None

    async def keep(self, job: Job) -> None:
        """Copy a finished result into our own storage, with its facts. Its pictures are drawn after its end.

        It was paid for, so no deadline ends it: a step that fails is repeated, and only this step.
        """
        context = self.context
        context.folder(job).mkdir(parents=True, exist_ok=True)
        key = f"videos/{job.video_id}/{job.index}/{job.fence}"
        try:
            film = await self._fetched(job)
            facts = await self._put(job, film, key)
        except MediaError as error:
            context.film(job).unlink(missing_ok=True)  # fetched anew: this one may be broken
            most = 1 if isinstance(error, TooLarge) else _PATIENT_TRIES if error.passing else _TRIES
            await self._repeat(job, error.message, most)
            return
        except FileNotFoundError:  # a cancel or a delete has removed the scratch folder under us
            await self._repeat(job, "Its file is gone.", _TRIES)
            return
        story = entry(job, "completed", cost=_cost(job))
        if not await context.apply(jobs.stored(job, _media(key, facts, _cost(job)), context.clock(), story)):
            await context.store.delete_prefix(key)

    async def _fetched(self, job: Job) -> Path:
        """Return the result as a file on this machine. A disk that is full is waited for: that is StoreFault."""
        film, result = self.context.film(job), job.result or {}
        if not result.get("path") and not film.exists():  # fetched, and not stored, when the store failed; links die
            with asking(job.provider, "download"), faults():
                await self.context.downloads.fetch(str(result.get("url")), film, self.context.max_video_bytes)
        return film

    async def _put(self, job: Job, film: Path, key: str) -> VideoFacts:
        """Store the film while it is looked at; nothing stays of what is no video. None is under way any more then."""
        store = self.context.store
        facts, stored = await asyncio.gather(
            inspect_result(film, self.forks),
            store.put_file(f"{key}/video.mp4", film, "video/mp4", f"{job.video_id}-{job.index}.mp4"),
            return_exceptions=True,
        )
        if isinstance(stored, BaseException):
            raise stored
        if isinstance(facts, BaseException):
            await store.delete_prefix(key)
            raise facts
        return facts

    async def _repeat(self, job: Job, message: str, most: int) -> None:
        """Try again later, or give up when the result stays unusable."""
        context = self.context
        result = job.result or {}
        tried = result.get("tries")
        tries = (tried if isinstance(tried, int) else 0) + 1
        if tries >= most:
            text = f"The result is unusable. {message}"
            story = entry(job, "failed", code="media_unavailable", message=text, cost=_cost(job))
            await context.apply(jobs.failed(job, "media_unavailable", text, context.clock(), story, _cost(job)))
            return
        run_at = context.clock() + _RETRY_SECONDS[min(tries, len(_RETRY_SECONDS)) - 1]
        again = jobs.later(job, run_at)
        values = {**again.values, "result": {**result, "tries": tries}}
        await context.apply(replace(again, values=values), reason=f"download failed: {message}")


def _media(key: str, facts: VideoFacts, cost: int | None) -> Media:
    return Media(
        key=key,
        content_type=facts.content_type,
        size_bytes=facts.size_bytes,
        width=facts.width,
        height=facts.height,
        duration=facts.duration,
        fps=facts.fps,
        num_frames=facts.num_frames,
        cost=cost,
    )


def _cost(job: Job) -> int | None:
    cost: Json = (job.result or {}).get("cost")
    return cost if isinstance(cost, int) else None
