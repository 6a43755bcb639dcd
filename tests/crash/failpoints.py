"""Named moments at which a replica kills itself, so that a crash at the worst place is no matter of luck.

The product knows nothing of them: its functions are wrapped from outside, before it runs. `install("mid-request:3")`
makes the process end by SIGKILL the third time it comes there.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

import httpx
from alembic.runtime import migration

from app.db import submissions
from app.domain.jobs import State
from app.media.files import NewFile
from app.providers.fal.adapter import FalProvider
from app.services.context import Context
from app.services.drawing import Drawing
from app.services.settling import Settling

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.domain.jobs import Transition


@dataclass
class _Fuse:
    """Ends the process the k-th time it is reached."""

    left: int

    def reach(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _before(owner: Any, name: str, fuse: _Fuse) -> None:
    original = getattr(owner, name)

    @wraps(original)
    async def wrapped(*args: Any, **more: Any) -> Any:
        fuse.reach()
        return await original(*args, **more)

    setattr(owner, name, wrapped)


def _after(owner: Any, name: str, fuse: _Fuse) -> None:
    original = getattr(owner, name)

    @wraps(original)
    async def wrapped(*args: Any, **more: Any) -> Any:
        result = await original(*args, **more)
        fuse.reach()
        return result

    setattr(owner, name, wrapped)


def _before_intent(fuse: _Fuse) -> None:
    """Stop inside the transaction that would commit the intent."""
    _after(submissions, "begin", fuse)


def _after_intent(fuse: _Fuse) -> None:
    """Stop when the intent is on disk and nothing was sent."""
    _before(FalProvider, "submit", fuse)


def _mid_request(fuse: _Fuse) -> None:
    """Stop when the kernel has every byte of the paid request, and the answer was not read."""
    original = httpx.AsyncHTTPTransport.handle_async_request

    async def wrapped(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        async def trace(event: str, _facts: Any) -> None:
            if event == "http11.send_request_body.complete":
                fuse.reach()

        if request.method == "POST":
            request.extensions = {**request.extensions, "trace": trace}
        return await original(self, request)

    httpx.AsyncHTTPTransport.handle_async_request = wrapped  # type: ignore[method-assign]


def _after_answer(fuse: _Fuse) -> None:
    """Stop when the provider said yes, and only this process has heard it."""
    _after(FalProvider, "submit", fuse)


def _after_record(fuse: _Fuse) -> None:
    """Stop when the provider's handle is on disk."""
    _after(Settling, "accept", fuse)


def _mid_download(fuse: _Fuse) -> None:
    """Stop when half of a piece of the result is in the scratch file."""
    original = NewFile.write

    async def wrapped(self: NewFile, data: bytes | memoryview) -> None:
        half = len(data) // 2
        await original(self, data[:half])
        fuse.reach()
        await original(self, data[half:])

    NewFile.write = wrapped  # type: ignore[method-assign]


def _file_not_row(fuse: _Fuse) -> None:
    """Stop when the result is in our storage and its row does not say so."""
    original = Context.apply

    async def wrapped(self: Context, transition: Transition, **more: Any) -> bool:
        if transition.to is State.COMPLETED:
            fuse.reach()
        return await original(self, transition, **more)

    Context.apply = wrapped  # type: ignore[method-assign]


def _after_end(fuse: _Fuse) -> None:
    """Stop when the output has ended on disk; nobody was told and nothing was cleaned up."""
    original = Context.apply

    async def wrapped(self: Context, transition: Transition, **more: Any) -> bool:
        applied = await original(self, transition, **more)
        if transition.to is State.COMPLETED:
            fuse.reach()
        return applied

    Context.apply = wrapped  # type: ignore[method-assign]


def _before_pictures(fuse: _Fuse) -> None:
    """Stop when an output is completed, and its pictures are about to be drawn."""
    _before(Drawing, "draw", fuse)


def _after_pictures(fuse: _Fuse) -> None:
    """Stop when the pictures are in our storage and the output still waits for its cleanup."""
    _after(Drawing, "draw", fuse)


def _mid_migration(fuse: _Fuse) -> None:
    """Stop when one more migration has run."""
    original = migration.HeadMaintainer.update_to_step

    def wrapped(self: migration.HeadMaintainer, step: Any) -> None:
        original(self, step)
        fuse.reach()

    migration.HeadMaintainer.update_to_step = wrapped  # type: ignore[method-assign]


POINTS: dict[str, Callable[[_Fuse], None]] = {
    "before-intent": _before_intent,
    "after-intent": _after_intent,
    "mid-request": _mid_request,
    "after-answer": _after_answer,
    "after-record": _after_record,
    "mid-download": _mid_download,
    "file-not-row": _file_not_row,
    "after-end": _after_end,
    "before-pictures": _before_pictures,
    "after-pictures": _after_pictures,
    "mid-migration": _mid_migration,
}


def install(wanted: str) -> None:
    """Arm one point: its name, a colon, and the how-manieth time counts."""
    name, _, times = wanted.partition(":")
    POINTS[name](_Fuse(int(times or 1)))
