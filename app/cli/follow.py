"""A video's way to its end: one bar for each output."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from app.cli.connection import ask
from app.cli.terminal import UNREACHABLE, err, fail
from app.program import program

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

_HOLD_SECONDS = 1.0  # for which an answer is held: bars move so often, and the end is told at once
_PATIENCE = 30.0  # seconds for which a gateway may be away, which is what a restart takes


def follow(http: httpx.Client, video: dict[str, Any]) -> dict[str, Any]:
    """Show how far each output is until the video has ended, and return it then."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as progress:
        bars = [progress.add_task("", total=100) for _ in video["outputs"]]
        last = video
        for last in _states(http, video):
            for bar, entry in zip(bars, last["outputs"], strict=True):
                progress.update(bar, completed=entry["progress"], description=_title(last, entry))
    return last


def _states(http: httpx.Client, video: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the video as it is now and after each change, until it has ended."""
    import httpx

    yield video
    heard = time.monotonic()
    while video["status"] in ("queued", "in_progress"):
        asked = time.monotonic()
        try:
            video = ask(http, "GET", f"/v1/videos/{video['id']}", params={"wait": _HOLD_SECONDS})
            heard = time.monotonic()
            yield video
        except httpx.TransportError as error:
            if time.monotonic() - heard > _PATIENCE:
                lost = f"the gateway is gone ({error or type(error).__name__}); the video may go on without it"
                fail(f"{lost}: {come_back(video)}", code="gateway_unreachable", status=UNREACHABLE)
        if video["status"] in ("queued", "in_progress"):
            time.sleep(max(0.0, asked + _HOLD_SECONDS - time.monotonic()))


def come_back(video: dict[str, Any], base_url: str | None = None) -> str:
    """Say how to see later what became of it."""
    rest = f"{video['id']} --base-url {base_url}" if base_url else video["id"]
    return f"see `{program()} videos show {rest}`, or follow it by `{program()} videos watch {rest}`"


def _title(video: dict[str, Any], entry: dict[str, Any]) -> str:
    name = f"{entry['index']}  " if len(video["outputs"]) > 1 else ""
    return f"{name}{entry['status']:<11}"
