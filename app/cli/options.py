"""Options and arguments that several commands share."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

import typer

from app.cli.completion import complete_video
from app.cli.terminal import speak_json

_ID = re.compile(r"[\w-]+", re.ASCII)


class Status(StrEnum):
    """What became of a video."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


BaseUrl = Annotated[str | None, typer.Option("--base-url", help="A gateway elsewhere. [REELGATE_BASE_URL]")]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        help="One JSON document on stdout, errors too.",
        callback=lambda wanted: speak_json(wanted=bool(wanted)),
        is_eager=True,  # for what is wrong with the other options
    ),
]


def identifier(text: str | None) -> str | None:
    """Take an id; anything else would be part of another address."""
    if text is not None and not _ID.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is no id: letters, digits, _ and - are all that one has")
    return text


VideoId = Annotated[
    str,
    typer.Argument(help="The video's id, video_….", metavar="ID", callback=identifier, autocompletion=complete_video),
]
