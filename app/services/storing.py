"""The store lane: results become ours."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.domain import jobs
from app.domain.jobs import Media
from app.media.bucket import faults
from app.media.errors import MediaError
from app.media.fetch import TooLarge
from app.media.probe import make_pictures
from app.services.asking import asking
from app.services.attempts import entry

if TYPE_CHECKING:
    from app.domain.jobs import Job
    from app.domain.plain import Json
    from app.media.probe import Pictures
    from app.services.context import Context

_RESULT = "result.mp4"
_TRIES = 6
_PATIENT_TRIES = 150  # of a server that has trouble: about a day
_RETRY_SECONDS = (2.0, 5.0, 15.0, 60.0, 180.0, 600.0)  # between two tries to fetch a result


@dataclass(frozen=True, slots=True)
class Storing:
    """One step of the lane."""

    context: Context

    async def keep(self, job: Job) -> None:
        """Copy a finished result into our own storage, with its pictures and facts.

        It was paid for, so no deadline ends it: a step that fails is repeated, and only this step.
        """
        context = self.context
        folder = context.folder(job)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            source = await self._source(job, folder)
            pictures = await make_pictures(source, folder)
            key = await self._put(job, source, pictures)
        except MediaError as error:
            (folder / _RESULT).unlink(missing_ok=True)  # fetched anew: this one may be broken
            most = 1 if isinstance(error, TooLarge) else _PATIENT_TRIES if error.passing else _TRIES
            await self._repeat(job, error.message, most)
            return
        except FileNotFoundError:  # a cancel or a delete has removed the scratch folder under us
            await self._repeat(job, "Its file is gone.", _TRIES)
            return
        story = entry(job, "completed", cost=_cost(job))
        if not await context.apply(jobs.stored(job, _media(key, pictures, _cost(job)), context.clock(), story)):
            await context.store.delete_prefix(key)

    async def _source(self, job: Job, folder: Path) -> Path:
        """Return the result as a file on this machine. A disk that is full is waited for: that is StoreFault."""
        result = job.result or {}
        if result.get("path"):
            return Path(str(result["path"]))
        target = folder / _RESULT
        if not target.exists():  # fetched, and not stored, when the media store failed; links die
            with asking(job.provider, "download"), faults():
                await self.context.downloads.fetch(str(result.get("url")), target, self.context.max_video_bytes)
        return target

    async def _put(self, job: Job, source: Path, pictures: Pictures) -> str:
        """Store the files side by side, and return the key that theirs begin with. None is under way any more then."""
        key, name = f"videos/{job.video_id}/{job.index}/{job.fence}", f"{job.video_id}-{job.index}"
        put = self.context.store.put_file
        failures = await asyncio.gather(
            put(f"{key}/video.mp4", source, "video/mp4", f"{name}.mp4"),
            put(f"{key}/thumbnail.webp", pictures.thumbnail, "image/webp", f"{name}.webp"),
            put(f"{key}/spritesheet.jpg", pictures.spritesheet, "image/jpeg", f"{name}.jpg"),
            return_exceptions=True,
        )
        for failure in failures:
            if failure is not None:
                raise failure
        return key

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


def _media(key: str, pictures: Pictures, cost: int | None) -> Media:
    facts = pictures.facts
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
