"""`reelgate videos`: the videos that there are, and what can be done with one."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.completion import complete_key, complete_model, complete_provider
from app.cli.connection import ask, connect, read
from app.cli.follow import come_back, follow
from app.cli.options import AsJson, BaseUrl, Status, VideoId
from app.cli.saving import save, target_for
from app.cli.terminal import FAILED, INTERRUPTED, err, fail, interactive, load_settings, note, out, print_json
from app.cli.times import past
from app.cli.video_views import print_video, print_videos

if TYPE_CHECKING:
    import httpx

_MOST = 100  # that are listed

videos = typer.Typer(help="List, show, watch, download, cancel and delete videos.", no_args_is_help=True)


class Order(StrEnum):
    """Which come first."""

    NEWEST = "desc"
    OLDEST = "asc"


class Variant(StrEnum):
    """What of a video is wanted."""

    VIDEO = "video"
    THUMBNAIL = "thumbnail"
    SPRITESHEET = "spritesheet"


Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="File or folder to write; of several outputs FILE-0, FILE-1 …")
]


@videos.command("list")
def list_videos(
    *,
    status: Annotated[Status | None, typer.Option(help="Those in this state.")] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Those of one model.", autocompletion=complete_model)
    ] = None,
    provider: Annotated[
        str | None, typer.Option(help="Those that one provider makes or made.", autocompletion=complete_provider)
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="Those whose prompt has these words.")] = None,
    key: Annotated[
        str | None,
        typer.Option(help="Those of one key, key_…, of open or of all (admin).", autocompletion=complete_key),
    ] = None,
    since: Annotated[str | None, typer.Option(help="A date of UTC (2027-01-31), or 90m, 12h, 30d.")] = None,
    until: Annotated[str | None, typer.Option(help="As --since.")] = None,
    order: Annotated[Order, typer.Option(help="desc: newest first.")] = Order.NEWEST,
    after: Annotated[str | None, typer.Option(help="Those that follow this one in the list, video_….")] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=_MOST)] = 20,
    base_url: BaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """List your videos, newest first."""
    asked = {
        "status": status and status.value,
        "model": model,
        "provider": provider,
        "prompt": prompt,
        "key_id": key,
        "created_after": past(since, "--since"),
        "created_before": past(until, "--until"),
        "order": order.value,
        "after": after,
        "limit": limit,
    }
    query = {name: value for name, value in asked.items() if value is not None}
    with connect(load_settings(), base_url) as http:
        page = ask(http, "GET", "/v1/videos", params=query)
        early = not (as_json or page["data"] or key or after) and _any_early(http, query)
    if as_json:
        print_json(page)
        return
    print_videos(page["data"])
    if page["has_more"]:
        err.print(f"and more: --after {page['last_id']}", markup=False)
    if early:
        note("there are some from before there were keys: --key open")


def _any_early(http: httpx.Client, query: dict[str, Any]) -> bool:
    """Say whether there are such videos from before there were keys, which only an admin key is told."""
    answer = http.get("/v1/videos", params={**query, "key_id": "open", "limit": 1})
    return answer.is_success and bool(read(answer)["data"])


@videos.command()
def show(video_id: VideoId, base_url: BaseUrl = None, *, as_json: AsJson = False) -> None:
    """Show one: what was asked for, what became of it and when, what it cost."""
    with connect(load_settings(), base_url) as http:
        video = ask(http, "GET", f"/v1/videos/{video_id}")
        timeline = ask(http, "GET", f"/v1/videos/{video_id}/timeline")
    if as_json:
        print_json({**video, "mode": timeline["mode"], "timeline": timeline["data"]})
    else:
        print_video(video, timeline)


@videos.command()
def watch(
    video_id: VideoId,
    output: Output = None,
    *,
    base_url: BaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Follow one to its end, and save it if --output is given. Ctrl-C stops watching, nothing else."""
    target = target_for(output, video_id) if output else None
    with connect(load_settings(), base_url, engine=True) as http:
        video = ask(http, "GET", f"/v1/videos/{video_id}")
        try:
            video = follow(http, video)
            files = save(http, video, target) if target else []
        except KeyboardInterrupt:
            err.print(f"not watched any more: {come_back(video, base_url)}", markup=False)
            raise typer.Exit(INTERRUPTED) from None
    if as_json:
        print_json({**video, "files": files})
    elif not target:
        print_videos([video])
    if video["status"] == "failed":
        raise typer.Exit(FAILED)


@videos.command()
def download(
    video_id: VideoId,
    output: Output = None,
    *,
    index: Annotated[int | None, typer.Option(help="One output of several.", min=0, max=9)] = None,
    variant: Annotated[Variant, typer.Option(help="MP4, WebP or JPEG.")] = Variant.VIDEO,
    base_url: BaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Save a finished one, all of its outputs, under its prompt's name unless --output says otherwise."""
    with connect(load_settings(), base_url) as http:
        video = ask(http, "GET", f"/v1/videos/{video_id}")
        if video["status"] != "completed":
            fail(f"there is nothing to save: it is {video['status']}", code="video_not_ready")
        target = target_for(output, video["prompt"] or video_id, variant.value)
        files = save(http, video, target, index=index, variant=variant.value)
    if not files:
        fail(f"output {index} is not there: it has {video['n']}", code="video_not_ready")
    if as_json:
        print_json({"id": video_id, "object": "video.files", "files": files})


@videos.command()
def cancel(video_id: VideoId, base_url: BaseUrl = None, *, as_json: AsJson = False) -> None:
    """Stop a live one; a finished one stays as it is."""
    with connect(load_settings(), base_url) as http:
        video = ask(http, "POST", f"/v1/videos/{video_id}/cancel")
    if as_json:
        print_json(video)
    elif (video["error"] or {}).get("code") == "cancelled":
        out.print(f"cancelled {video_id}", markup=False)
    else:
        out.print(f"{video_id} had ended: it is {video['status']}", markup=False)


@videos.command()
def delete(
    video_id: VideoId,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    base_url: BaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Cancel it if it is live, and remove it with its files. At a terminal, it asks first."""
    with connect(load_settings(), base_url) as http:
        if not yes and interactive() and not typer.confirm(f"Delete {video_id} with its files?", err=True):
            fail("nothing was deleted")
        answer: dict[str, Any] = ask(http, "DELETE", f"/v1/videos/{video_id}")
    if as_json:
        print_json(answer)
    else:
        out.print(f"deleted {video_id}", markup=False)
