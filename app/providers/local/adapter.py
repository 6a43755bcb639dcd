"""The local provider: renders clips on this machine, for nothing and with no key.

A render is a child process (`app.providers.local.render`). The operation is the whole render request, and a render is
deterministic, so nothing is lost with the process: polling an operation that nobody works on starts it again. Nor with
the folder that it works in, which no backup has: `lacks_files` says so, and the engine puts the inputs there once more.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from app import children
from app.child import ChildError
from app.domain.catalogue import LOCAL, Mode
from app.domain.formats import AUTO, frame_size, parse_ratio
from app.providers.base import Failed, Pending, Succeeded
from app.providers.local.spec import RenderSpec

if TYPE_CHECKING:
    from pathlib import Path

    from app.domain.jobs import Operation
    from app.domain.plain import Json
    from app.providers.base import Order, Sent

_RENDERS_AT_ONCE = max(4, os.cpu_count() or 1)  # four, so that the outputs of one video finish together
_CRASHES = 3  # a process may be killed for reasons of the machine; a render that always dies has failed
_POLL_SECONDS = 0.25
_WAITING_POLL_SECONDS = 1.0
_WIDEST = Fraction(21, 9)  # an input picture more extreme than this is cropped to it
_SOURCE_LIMIT = 720  # pixels: edits and extensions keep the source's size up to this short side (docs.x.ai, video)
_DEFAULT_TIER = "720p"


class _Render:
    """A render under way, and how far it is."""

    def __init__(self) -> None:
        self.progress = 0
        self.started = False
        self.task: asyncio.Task[None] | None = None


class LocalProvider:
    """Renders into `scratch`/<output id>/, which the engine makes and removes."""

    name = LOCAL
    title = "Local preview (no AI)"
    lists_all = True
    by_likeness = False

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._places = asyncio.Semaphore(_RENDERS_AT_ONCE)
        self._renders: dict[str, _Render] = {}
        self._crashes: Counter[str] = Counter()

    async def submit(self, order: Order) -> Operation:
        """Start the render and return it whole as the handle."""
        operation: Operation = {"id": order.output_id, "spec": build_spec(order).to_json()}
        self._start(operation)
        return operation

    async def poll(self, operation: Operation) -> Pending | Succeeded | Failed:
        """Say how far the render is, starting it again after a restart."""
        target = self._folder(operation) / str(_spec(operation).target)
        if target.exists():
            await self.cancel(operation)  # the file is whole: all that is left is a process about to end
            return Succeeded(target, cost=0)
        render = self._renders.get(_id(operation)) or self._start(operation)
        if render.task is None or not render.task.done():
            return Pending(render.progress, _POLL_SECONDS if render.started else _WAITING_POLL_SECONDS)
        del self._renders[_id(operation)]
        error = render.task.exception()
        if isinstance(error, ChildError):
            self._crashes[_id(operation)] += 1
            if error.code == "crashed" and self._crashes[_id(operation)] < _CRASHES:
                return Pending(render.progress, _WAITING_POLL_SECONDS)  # the next poll starts it again
            return Failed("invalid_input" if error.code == "invalid_input" else "provider_error", error.message)
        if error is not None:
            raise error
        return Pending(render.progress, 0.0)

    def lacks_files(self, operation: Operation) -> bool:
        """Say whether the folder, or an input of a render that has not ended, is gone."""
        spec, folder = _spec(operation), self._folder(operation)
        if (folder / spec.target).exists():
            return False
        inputs = [*spec.images, *([spec.video] if spec.video else [])]
        return not folder.is_dir() or not all((folder / name).exists() for name in inputs)

    async def cancel(self, operation: Operation) -> bool:
        """Kill the render, if it still runs."""
        render = self._renders.pop(_id(operation), None)
        if render and render.task:
            render.task.cancel()
            await asyncio.wait([render.task])
        return True

    async def find_submission(self, sent: Sent) -> Operation | None:
        """List nothing: a local render costs nothing, and starting it twice gives the same file."""
        del sent
        return None

    async def close(self) -> None:
        """Kill every render; a later poll starts them again."""
        for render in list(self._renders.values()):
            if render.task:
                render.task.cancel()
                await asyncio.wait([render.task])
        self._renders.clear()

    def _start(self, operation: Operation) -> _Render:
        running = self._renders.get(_id(operation))
        if running:
            return running
        render = self._renders[_id(operation)] = _Render()
        render.task = asyncio.create_task(self._run(operation, render), name=f"render-{_id(operation)}")
        return render

    async def _run(self, operation: Operation, render: _Render) -> None:
        def on_message(message: dict[str, Json]) -> None:
            progress = message.get("progress")
            if isinstance(progress, int):
                render.progress = max(render.progress, progress)

        async with self._places:
            render.started = True
            await children.run(
                "app.providers.local.render",
                _absolute(_spec(operation), self._folder(operation)).to_json(),
                on_message=on_message,
            )

    def _folder(self, operation: Operation) -> Path:
        return (self._scratch / _id(operation)).absolute()


def build_spec(order: Order) -> RenderSpec:
    """Translate an order; paths are file names in the output's scratch folder, so that the folder may move."""
    width, height = _frame(order)
    return RenderSpec(
        mode=order.mode.value,
        prompt=order.prompt,
        seed=order.seed,
        label=order.model,
        width=width,
        height=height,
        seconds=float(order.seconds or 0),
        target="result.mp4",
        images=tuple(image.path.name for image in order.images if image.path),
        video=order.video.path.name if order.video and order.video.path else None,
    )


def _frame(order: Order) -> tuple[int, int]:
    tier = _DEFAULT_TIER if order.resolution == AUTO else order.resolution
    if order.mode in (Mode.EDIT, Mode.EXTEND) and order.video:
        source = order.video
        if order.resolution == AUTO:
            tier = f"{min(_SOURCE_LIMIT, min(source.width, source.height) // 2 * 2)}p"
        return frame_size(tier, Fraction(source.width, source.height))
    if order.ratio != AUTO:
        return frame_size(tier, parse_ratio(order.ratio))
    image = order.images[0]
    return frame_size(tier, min(_WIDEST, max(1 / _WIDEST, Fraction(image.width, image.height))))


def _absolute(spec: RenderSpec, folder: Path) -> RenderSpec:
    return replace(
        spec,
        target=str(folder / spec.target),
        images=tuple(str(folder / name) for name in spec.images),
        video=str(folder / spec.video) if spec.video else None,
    )


def _id(operation: Operation) -> str:
    return str(operation["id"])


def _spec(operation: Operation) -> RenderSpec:
    spec = operation["spec"]
    return RenderSpec.from_json(spec if isinstance(spec, dict) else {})
