"""Options and arguments that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from app.cli.completion import complete_video
from app.cli.terminal import speak_json


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
VideoId = Annotated[str, typer.Argument(help="The video's id, video_….", metavar="ID", autocompletion=complete_video)]
