"""`reelgate generate`: from a prompt to files on disk, with the price first and progress on the way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.markup import escape

from app.cli.completion import complete_model, complete_video
from app.cli.connection import ask, connect, find
from app.cli.follow import come_back, follow
from app.cli.options import AsJson, BaseUrl, identifier
from app.cli.order import Order, media, pair
from app.cli.saving import save, target_for
from app.cli.terminal import (
    FAILED,
    INTERRUPTED,
    dollars,
    err,
    fail,
    interactive,
    load_settings,
    note,
    out,
    plain,
    print_json,
)
from app.program import program

if TYPE_CHECKING:
    import httpx

_ASK_ABOVE = 1.0  # dollars

_HELP_IMAGE = "First frame: a file, https URL or file_…; given several times, references to compose."


def generate(
    prompt: Annotated[str, typer.Argument(help="What the video shows.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File or folder to write; with -n, FILE-0, FILE-1 …")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="See `reelgate models`.", autocompletion=complete_model)
    ] = None,
    size: Annotated[str | None, typer.Option(help="1280x720, a ratio such as 9:16, or auto.")] = None,
    aspect_ratio: Annotated[str | None, typer.Option(help="16:9, or auto.")] = None,
    resolution: Annotated[str | None, typer.Option(help="480p, 720p, 1080p.")] = None,
    seconds: Annotated[str | None, typer.Option(help="Length; with --extend, of the new part.")] = None,
    n: Annotated[int, typer.Option("-n", help="How many videos.", min=1, max=10)] = 1,
    image: Annotated[list[str] | None, typer.Option(help=_HELP_IMAGE)] = None,
    reference: Annotated[list[str] | None, typer.Option(help="An image to compose; repeat for more.")] = None,
    character: Annotated[list[str] | None, typer.Option(help="A character, char_…; repeat for more.")] = None,
    video: Annotated[str | None, typer.Option(help="Video to change: a file, https URL, file_… or video_….")] = None,
    *,
    extend: Annotated[bool, typer.Option("--extend", help="Continue --video instead of changing it.")] = False,
    remix: Annotated[
        str | None,
        typer.Option(help="Make a finished video anew, video_….", callback=identifier, autocompletion=complete_video),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse what would have to be converted.")] = False,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Any other field of the API or provider.", metavar="NAME=VALUE")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say the price and what would be changed; stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, whatever it costs.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the end and save it; else, the id is printed.")] = True,
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same one again gets the first video; nothing is paid twice.")
    ] = None,
    base_url: BaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Make a video and save it.

    Uses the gateway that runs on this machine, or starts one for as long as it takes. At a terminal it asks before it
    sends what costs more than $1. Ctrl-C leaves the video running, or cancels it if you say so.

    [dim]reelgate generate "a paper boat on a river" --size 9:16 --seconds 4 -o boat.mp4[/dim]

    [dim]reelgate generate "let it snow" --image photo.jpg -n 2[/dim]
    """
    if extend and video is None:
        fail("--extend needs --video")
    if remix and (video or image or reference or character):
        fail("--remix takes no other input: it starts from the video that it names")
    target = target_for(output, prompt)
    asked = {
        "prompt": prompt,
        "model": model,
        "size": size,
        "aspect_ratio": aspect_ratio,
        "resolution": resolution,
        "seconds": seconds,
        "n": n,
        "input_reference": [media(text, "--image") for text in image or ()] or None,
        "reference_images": [media(text, "--reference") for text in reference or ()] or None,
        "characters": [{"id": name} for name in character or ()] or None,
        "video": media(video, "--video") if video else None,
        "strict": strict or None,
        **dict(pair(text) for text in setting or ()),
    }
    body = {name: value for name, value in asked.items() if value is not None}
    route = _route(video=video, extend=extend, remix=remix)
    order = Order(route, body, idempotency_key) if idempotency_key else Order(route, body)
    settings = load_settings()
    running = find(settings, base_url)
    if not wait and not running:
        fail(f"--no-wait needs a gateway that goes on: start one with `{program()} serve`, or name one with --base-url")
    with connect(settings, running, engine=True, begins=True) as http:
        estimate = order.price(http)
        _preview(estimate, sent=not dry_run)
        if dry_run:
            if as_json:
                print_json(estimate)
            return
        _confirm(estimate, yes=yes)
        made = order.send(http)
        if not wait:
            _say_id(made, as_json=as_json)
            return
        err.print(made["id"], markup=False)
        try:
            finished = follow(http, made)
            files = save(http, finished, target)
        except KeyboardInterrupt:
            _interrupted(http, made, base_url, as_json=as_json, goes_on=bool(running))
    _conclude(finished, files, as_json=as_json)


def _route(*, video: str | None, extend: bool, remix: str | None) -> str:
    if remix:
        return f"/v1/videos/{remix}/remix"
    return "/v1/videos/extensions" if extend else "/v1/videos/edits" if video else "/v1/videos"


def _preview(estimate: dict[str, Any], *, sent: bool) -> None:
    """Say what will be made for how much, and what was not taken as asked; if it is `sent`, a refusal says itself."""
    for warning in estimate["warnings"]:
        if not (sent and warning["code"] == "budget_exceeded"):
            note(warning["message"])
    micros = estimate["total_cost_micros"]
    cost = "for a price that is not known" if micros is None else f"for {dollars(micros / 1e6)}"
    count = f"{estimate['n']} times " if estimate["n"] > 1 else ""
    seconds = f", {estimate['seconds']} s" if estimate["seconds"] else ""
    what = f"{estimate['model']} by {estimate['provider']}: {count}{estimate['size']}{seconds}, {cost}"
    err.print(escape(plain(what)))


def _confirm(estimate: dict[str, Any], *, yes: bool) -> None:
    micros = estimate["total_cost_micros"]
    dear = micros is None or micros > _ASK_ABOVE * 1e6
    if dear and not yes and interactive() and not typer.confirm("Send it?", err=True):
        fail("nothing was sent")


def _say_id(made: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(made)
    else:
        out.print(made["id"], markup=False)


def _interrupted(
    http: httpx.Client, made: dict[str, Any], base_url: str | None, *, as_json: bool, goes_on: bool
) -> NoReturn:
    """Leave the video to itself, or cancel it if somebody is there who says so; a second Ctrl-C leaves it, too."""
    path = f"/v1/videos/{made['id']}"
    cancel = False
    try:
        cancel = interactive() and typer.confirm("\nCancel the video? Otherwise it goes on.", err=True)
    except typer.Abort:
        err.print()
    if cancel:
        ask(http, "POST", f"{path}/cancel")
        err.print("cancelled")
    else:
        when = "it goes on" if goes_on else f"it goes on when a gateway runs here again (`{program()} serve`)"
        err.print(f"{when}: {come_back(made, base_url)}", markup=False)
        if as_json:
            print_json(ask(http, "GET", path))
    raise typer.Exit(INTERRUPTED)


def _conclude(video: dict[str, Any], files: list[dict[str, Any]], *, as_json: bool) -> None:
    cost, provider = video["metadata"]["cost"], video["metadata"]["provider_name"]
    err.print(escape(plain(f"{provider}, {'cost unknown' if cost is None else dollars(cost)}")))
    if as_json:
        print_json({**video, "files": files})
    if video["status"] == "failed":
        raise typer.Exit(FAILED)
