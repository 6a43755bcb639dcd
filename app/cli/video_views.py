"""Videos as people read them: one per line, or one with its whole story."""

from __future__ import annotations

import time
from typing import Any

from rich.markup import escape

from app.cli.tables import Column, print_table
from app.cli.terminal import dollars, err, out, plain
from app.cli.times import to_minute, to_second

_COLUMNS = (
    Column("id"),
    Column("status"),
    Column("cost", right=True, may_go=True),
    Column("created (UTC)", may_go=True),
    Column("size", may_go=True),
    Column("seconds", right=True, may_go=True),
    Column("model", may_go=True),
    Column("prompt"),
)
_STEPS = {
    "submitted": "submitted to {provider}",
    "accepted": "accepted by {provider}",
    "refused": "refused by {provider}",
    "unsent": "not sent to {provider}",
    "resent": "not answered by {provider}, to be sent again",
    "failed_over": "failed at {provider}, to be made elsewhere",
}
_COLOURS = {"completed": "green", "failed": "red", "in_progress": "yellow"}


def print_videos(videos: list[dict[str, Any]]) -> None:
    """Print one line for each."""
    if not videos:
        err.print("no videos")
    elif any("key_id" in video for video in videos):
        rows = [[*_row(video)[:-1], video.get("key_id", "-"), video["prompt"] or ""] for video in videos]
        print_table([*_COLUMNS[:-1], Column("key", may_go=True), _COLUMNS[-1]], rows)
    else:
        print_table(_COLUMNS, [_row(video) for video in videos])


def _row(video: dict[str, Any]) -> list[str]:
    status = f"{video['progress']} %" if video["status"] == "in_progress" else video["status"]
    count = f" x{video['n']}" if video["n"] > 1 else ""
    return [
        video["id"],
        status,
        dollars(video["metadata"]["cost"]),
        to_minute(video["created_at"]),
        video["size"],
        f"{video['seconds']}{count}",
        video["model"],
        video["prompt"] or "",
    ]


def print_video(video: dict[str, Any], timeline: dict[str, Any]) -> None:
    """Print what was asked for, what became of it, what it cost, and when what happened."""
    told = video["metadata"]
    colour = _COLOURS.get(video["status"], "default")
    _line("id", video["id"])
    _line("status", f"{video['status']}, {video['progress']} %", colour)
    if video["error"]:
        _line("error", f"{video['error']['message']} ({video['error']['code']})", "red")
    _line("prompt", video["prompt"] or "-")
    if "key_id" in video:
        _line("key", video["key_id"])
    _line("model", f"{video['model']} ({timeline['mode']})")
    _line("provider", f"{told['provider_name']}: {told['executed_model']}")
    _line("asked", f"{video['size']}, {video['seconds']} s, {video['n']} output{'s' if video['n'] > 1 else ''}")
    if video["remixed_from_video_id"]:
        _line("remix of", video["remixed_from_video_id"])
    _line("cost", f"{dollars(told['cost'])}, estimated {dollars(told['cost_estimate'])}")
    _line("created", f"{to_second(video['created_at'])}, {_ago(video['created_at'])}")
    if video["expires_at"]:
        _line("expires", to_second(video["expires_at"]))
    for warning in video["warnings"]:
        _line("warning", warning["message"], "yellow")
    for output in video["outputs"]:
        _line(f"output {output['index']}", _output(output))
        if output["url"]:
            _line("", output["url"])
    _story(video, timeline)


def _output(output: dict[str, Any]) -> str:
    if output["error"]:
        return f"{output['status']}: {output['error']['message']} ({output['error']['code']})"
    if output["size_bytes"] is None:
        return f"{output['status']}, {output['progress']} %"
    frame = f"{output['width']}x{output['height']}, {output['duration']:.2f} s at {output['fps']:g} fps"
    return f"{output['status']}: {frame}, {output['size_bytes'] / 1e6:.1f} MB"


def _story(video: dict[str, Any], timeline: dict[str, Any]) -> None:
    """Print the steps with the seconds since the beginning, then what each refused or failed attempt said."""
    begun = timeline["data"][0]["at"]
    several = video["n"] > 1
    for step in timeline["data"]:
        whose = f" (output {step['index']})" if several and step["index"] is not None else ""
        _line(f"+{step['at'] - begun:.1f} s", f"{_STEPS.get(step['step'], '{step}').format(**step)}{whose}")
    for each in video["metadata"]["attempts"]:
        if each["message"]:
            code = f" ({each['code']})" if each["code"] else ""
            _line("attempt", f"{each['provider']} {each['outcome']}: {each['message']}{code}")


def _line(name: str, value: str, style: str = "default") -> None:
    out.print(f"[bold]{name:<12}[/bold][{style}]{escape(plain(value))}[/{style}]")


def _ago(moment: float) -> str:
    seconds = max(0, time.time() - moment)
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} seconds ago"
