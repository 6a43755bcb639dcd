"""A video's way to its end: one bar for each output, and a line for each trouble with a provider."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NoReturn

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from app.cli.again import AwayError, present
from app.cli.connection import check, read
from app.cli.terminal import UNREACHABLE, err, fail, note
from app.program import program

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

_HOLD_SECONDS = 1.0  # for which an answer is held: bars move so often, and the end is told at once
_LIVE = ("queued", "in_progress")
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
        last, told, maker = video, set[str](), video["metadata"]["provider_name"]
        for last in _states(http, video):
            maker = _tell(last, told, maker)
            for bar, entry in zip(bars, last["outputs"], strict=True):
                progress.update(bar, completed=entry["progress"], description=_title(last, entry))
    return last


def _states(http: httpx.Client, video: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the video as it is now and after each change, until it has ended."""
    yield video
    heard, away = time.monotonic(), False
    while video["status"] in _LIVE:
        asked, pause = time.monotonic(), 0.0
        try:
            video = _look(http, video["id"])
            heard, away = time.monotonic(), False
            yield video
        except AwayError as error:
            if time.monotonic() - heard > _PATIENCE:
                _give_up(video, str(error))
            if not away:
                note(f"the gateway does not answer ({error}); trying on")
            away, pause = True, error.pause
        if video["status"] in _LIVE:
            time.sleep(max(0.0, pause, asked + _HOLD_SECONDS - time.monotonic()))


def _look(http: httpx.Client, video_id: str) -> dict[str, Any]:
    """Return the video as soon as it changes, or a moment later. Raises AwayError."""
    import httpx

    try:
        answer = present(http.get(f"/v1/videos/{video_id}", params={"wait": _HOLD_SECONDS}))
    except httpx.TransportError as error:
        raise AwayError(str(error) or type(error).__name__) from error
    video: dict[str, Any] = read(check(answer, video_id))
    return video


def _give_up(video: dict[str, Any], reason: str) -> NoReturn:
    """End with another status than a failed video has: whoever orders it anew pays for it twice."""
    lost = f"the gateway did not answer for {_PATIENCE:g} s ({reason}); the video goes on: {come_back(video)}"
    fail(lost, code="gateway_unreachable", status=UNREACHABLE, video_id=video["id"])


def _tell(video: dict[str, Any], told: set[str], maker: str) -> str:
    """Say, once, why it waits and who makes it instead, and return who does. The end of a failed one says all that."""
    if video["status"] == "failed":
        return maker
    tried = [each for each in video["metadata"]["attempts"] if each["message"]]
    words = dict.fromkeys(f"{each['provider']} {each['outcome']}: {each['message']}" for each in tried)
    news = [text for text in words if text not in told]
    told.update(news)
    now: str = video["metadata"]["provider_name"]
    if video["status"] != "queued" and now != maker:  # while it is queued, each may have its turn and nobody takes it
        news.append(f"{now} makes it now")
        maker = now
    if news:
        note("; ".join(text.removesuffix(".") for text in news))
    return maker


def come_back(video: dict[str, Any], base_url: str | None = None) -> str:
    """Say how to see later what became of it."""
    rest = f"{video['id']} --base-url {base_url}" if base_url else video["id"]
    return f"see `{program()} videos show {rest}`, or follow it by `{program()} videos watch {rest}`"


def _title(video: dict[str, Any], entry: dict[str, Any]) -> str:
    name = f"{entry['index']}  " if len(video["outputs"]) > 1 else ""
    return f"{name}{entry['status']:<11}"
