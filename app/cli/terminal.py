"""What every command does at the terminal: say things, and fail clearly."""

from __future__ import annotations

from typing import NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from app.config import CommandSettings, export_library_variables

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def fail(message: str) -> NoReturn:
    """Print a message to stderr and end with status 1."""
    err.print(f"[red]error:[/red] {escape(message)}")
    raise typer.Exit(1)


def load_settings(**changes: object) -> CommandSettings:
    """Read the settings with a command's own options laid over them; a mistake ends the command with its name."""
    given = {name: value for name, value in changes.items() if value is not None}
    export_library_variables()
    try:
        return CommandSettings(**given)  # type: ignore[arg-type]  # pydantic checks them, that is the point
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        fail(f"setting REELGATE_{name}: {first['msg']} (got {str(first['input'])[:60]!r})")
