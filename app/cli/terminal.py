"""What every command does at the terminal: say things, and fail clearly."""

from __future__ import annotations

import json
import re
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from app.config import CommandSettings

FAILED, UNREACHABLE, INTERRUPTED = 1, 3, 130  # statuses of the process; 2 is a command line that makes no sense

out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

_speaks_json: ContextVar[bool] = ContextVar("speaks_json", default=False)


def speak_json(*, wanted: bool) -> bool:
    """Take note of --json: from now on a failure is said as JSON, too."""
    _speaks_json.set(wanted)
    return wanted


def speaks_json() -> bool:
    """Say whether stdout is to have one JSON document and nothing else."""
    return _speaks_json.get()


def print_json(document: object) -> None:
    """Print the one JSON document of a command."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def fail(
    message: str,
    *,
    code: str = "command_failed",
    status: int = FAILED,
    error: dict[str, Any] | None = None,
    video_id: str | None = None,
) -> NoReturn:
    """Say on stderr what is wrong and end with a status; with --json stdout has it, too, as the API says errors.

    `error` is the gateway's own, if it was the gateway that refused; `video_id` names a video that is there anyway.
    """
    err.print(f"[red]error:[/red] {escape(plain(message))}")
    if speaks_json():
        told = error or {"message": message, "type": "command_error", "param": None, "code": code}
        print_json({"error": {**told, "video_id": video_id} if video_id else told})
    raise typer.Exit(status)


def note(message: str) -> None:
    """Say on stderr what the user should know, though it went well."""
    err.print(f"[yellow]note:[/yellow] {escape(plain(message))}")


def interactive() -> bool:
    """Say whether somebody is there to answer a question; a script never waits for one."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not speaks_json()


def plain(text: str) -> str:
    """Keep others' words on one line, and from giving the terminal orders."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def dollars(amount: float | None) -> str:
    """Write an amount in dollars, whole or with two decimals at least; it may be unknown."""
    if amount is None:
        return "-"
    whole, _, decimals = f"{amount:.6f}".partition(".")
    decimals = decimals.rstrip("0")
    return f"${whole}.{decimals:0<2}" if decimals else f"${whole}"


def load_settings(**changes: object) -> CommandSettings:
    """Read the settings with a command's own options laid over them; a mistake ends the command with its name."""
    from pydantic import ValidationError

    from app.config import CommandSettings, export_library_variables

    given = {name: value for name, value in changes.items() if value is not None}
    export_library_variables()
    try:
        return CommandSettings(**given)  # type: ignore[arg-type]  # pydantic checks them, that is the point
    except ValidationError as error:
        first = error.errors()[0]
        loc = str(first["loc"][0])
        field = CommandSettings.model_fields.get(loc)
        got = re.sub("//.*@", "//…@", str(first["input"]))[:60]  # a URL may have a password in it
        shown = f" (got {got!r})" if field is not None and field.repr else ""  # those with an alias are keys
        name = loc if field is None else f"REELGATE_{loc.upper()}"
        fail(f"setting {name}: {first['msg']}{shown}", code="wrong_setting")
