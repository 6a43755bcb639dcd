"""`reelgate generate`: from a prompt to files on disk, with progress."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from app.cli.connection import check, connect
from app.cli.terminal import err, fail, load_settings, out

if TYPE_CHECKING:
    import httpx

_POLL_SECONDS = 0.3
_SLUG = re.compile(r"[^a-z0-9]+")


def generate(
    prompt: Annotated[str, typer.Argument(help="What the video shows.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; with -n, FILE-0, FILE-1 …")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Model id; see `reelgate models`.")] = None,
    size: Annotated[str | None, typer.Option(help="1280x720, a ratio such as 9:16, or auto.")] = None,
    resolution: Annotated[str | None, typer.Option(help="480p, 720p, 1080p.")] = None,
    seconds: Annotated[str | None, typer.Option(help="Length; with --extend, of the new part.")] = None,
    n: Annotated[int, typer.Option("-n", help="How many videos.", min=1, max=10)] = 1,
    image: Annotated[
        list[Path] | None, typer.Option(help="First frame; given several times, references to compose.", exists=True)
    ] = None,
    video: Annotated[Path | None, typer.Option(help="Video to change.", exists=True)] = None,
    *,
    extend: Annotated[bool, typer.Option("--extend", help="Continue --video instead of changing it.")] = False,
    base_url: Annotated[str | None, typer.Option(help="A gateway elsewhere. [REELGATE_BASE_URL]")] = None,
) -> None:
    """Make a video and save it.

    Uses the gateway that runs on this machine, or starts one for as long as it takes.

    [dim]reelgate generate "a paper boat on a river" --size 9:16 --seconds 4 -o boat.mp4[/dim]

    [dim]reelgate generate "let it snow" --image photo.jpg -n 2[/dim]
    """
    if extend and video is None:
        fail("--extend needs --video")
    asked: dict[str, Any] = {"prompt": prompt, "model": model, "size": size, "resolution": resolution}
    asked |= {"seconds": seconds, "n": n}
    fields = {name: str(value) for name, value in asked.items() if value is not None}
    with ExitStack() as stack:
        http = stack.enter_context(connect(load_settings(), base_url))
        files = [("input_reference", stack.enter_context(path.open("rb"))) for path in image or []]
        if video:
            files.append(("video", stack.enter_context(video.open("rb"))))
        route = "/v1/videos/extensions" if extend else "/v1/videos/edits" if video else "/v1/videos"
        request = {"data": fields, "files": files} if files else {"json": fields}
        created = check(http.post(route, **request)).json()
        for warning in created["warnings"]:
            err.print(f"[yellow]note:[/yellow] {warning['message']}")
        finished = _follow(http, created)
        _save(http, finished, output or Path(f"{_slug(prompt)}.mp4"))


def _follow(http: httpx.Client, video: dict[str, Any]) -> dict[str, Any]:
    """Show one bar per output until the video has ended; Ctrl-C cancels it."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as progress:
        bars: list[TaskID] = [
            progress.add_task(_title(video, index), total=100) for index in range(len(video["outputs"]))
        ]
        try:
            while True:
                for bar, entry in zip(bars, video["outputs"], strict=True):
                    progress.update(bar, completed=entry["progress"], description=_title(video, entry["index"]))
                if video["status"] in ("completed", "failed"):
                    return video
                time.sleep(_POLL_SECONDS)
                video = check(http.get(f"/v1/videos/{video['id']}")).json()
        except KeyboardInterrupt:
            check(http.post(f"/v1/videos/{video['id']}/cancel"))
            err.print("cancelled")
            raise typer.Exit(130) from None


def _title(video: dict[str, Any], index: int) -> str:
    entry = video["outputs"][index]
    name = video["id"] if len(video["outputs"]) == 1 else f"output {index}"
    return f"{name} {entry['status']:<11}"


def _save(http: httpx.Client, video: dict[str, Any], target: Path) -> None:
    several = len(video["outputs"]) > 1
    for entry in video["outputs"]:
        if entry["error"]:
            err.print(
                f"[red]output {entry['index']} failed:[/red] {entry['error']['message']} ({entry['error']['code']})"
            )
            continue
        path = target.with_stem(f"{target.stem}-{entry['index']}") if several else target
        url, query = f"/v1/videos/{video['id']}/content", {"index": entry["index"]}
        with http.stream("GET", url, params=query, follow_redirects=True) as answer:  # it may lie in a bucket
            check(answer)
            with path.open("wb") as file:
                for chunk in answer.iter_bytes():
                    file.write(chunk)
        facts = f"{entry['width']}x{entry['height']}, {entry['duration']:.2f} s, {entry['size_bytes'] / 1e6:.1f} MB"
        out.print(f"[green]saved[/green] {path} ({facts})")
    cost, provider = video["metadata"]["cost"], video["metadata"]["provider_name"]
    err.print(f"{provider}, {'cost unknown' if cost is None else f'${cost:.4f}'}")
    if video["status"] == "failed":
        raise typer.Exit(1)


def _slug(prompt: str) -> str:
    return _SLUG.sub("-", prompt.lower()).strip("-")[:40].strip("-") or "video"
