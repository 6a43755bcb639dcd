"""Pictures of a finished film, drawn after its output has completed: nobody waits for them who wants the film.

They are stored beside the film. A film of which none can be drawn stays finished, without pictures.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.domain import jobs
from app.domain.jobs import State
from app.media.bucket import faults
from app.media.errors import MediaError
from app.media.probe import make_pictures

if TYPE_CHECKING:
    from pathlib import Path

    from app.children import ForkServer
    from app.domain.jobs import Job
    from app.services.context import Context

_RETRY_SECONDS = (2.0, 15.0)  # until it is tried again; after the last of them it is given up


@dataclass(frozen=True, slots=True)
class Drawing:
    """Draws for the cleanup lane. With a fork server, that costs less."""

    context: Context
    forks: ForkServer | None = None

    async def draw(self, job: Job, key: str) -> bool:
        """Draw of the film under `key`; False means that it is tried again later. Raises StoreFault."""
        folder = self.context.folder(job)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            pictures = await make_pictures(await self._film(job, folder, key), folder, self.forks)
            await self._put(job, key, pictures.thumbnail, pictures.spritesheet)
        except (MediaError, FileNotFoundError) as error:
            reason = error.message if isinstance(error, MediaError) else "Its file is gone."
            return not await self._again(job, reason)
        return True

    async def _film(self, job: Job, folder: Path, key: str) -> Path:
        """Return the film as a file on this machine, as a rule the one that was stored."""
        film = self.context.film(job)
        if not film.exists():
            film = folder / "stored.mp4"
            with faults():
                await self.context.store.download(f"{key}/video.mp4", film)
        return film

    async def _put(self, job: Job, key: str, thumbnail: Path, spritesheet: Path) -> None:
        """Store them side by side. None is under way any more then."""
        name, put = f"{job.video_id}-{job.index}", self.context.store.put_file
        failures = await asyncio.gather(
            put(f"{key}/thumbnail.webp", thumbnail, "image/webp", f"{name}.webp"),
            put(f"{key}/spritesheet.jpg", spritesheet, "image/jpeg", f"{name}.jpg"),
            return_exceptions=True,
        )
        for failure in failures:
            if failure is not None:
                raise failure

    async def _again(self, job: Job, reason: str) -> bool:
        """Hand the row back for another try; False when there were enough."""
        context, result = self.context, job.result or {}
        tried = result.get("drawn")
        tries = (tried if isinstance(tried, int) else 0) + 1
        if tries > len(_RETRY_SECONDS):
            context.log(job, State.COMPLETED, applied=True, reason=f"no pictures: {reason}")
            return False
        later = jobs.later(job, context.clock() + _RETRY_SECONDS[tries - 1])
        values = {**later.values, "result": {**result, "drawn": tries}}
        await context.apply(replace(later, values=values), reason=f"pictures failed: {reason}")
        return True
