"""What commands there are, with which options, and what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typer.main import get_command

from app.cli import cli

if TYPE_CHECKING:
    from typer.testing import Result


def commands() -> dict[str, set[str]]:
    """Return the options and arguments of every command, by its full name: `videos list`."""
    return dict(_walk("", get_command(cli)))


def told(result: Result) -> list[str]:
    """Return what a command said on stderr, without what a gateway in this process logs there meanwhile."""
    return [line for line in result.stderr.splitlines() if not line.startswith("{")]


def _walk(name: str, command: Any) -> list[tuple[str, set[str]]]:
    inside = getattr(command, "commands", None)
    if inside is not None:
        return [found for word, each in sorted(inside.items()) for found in _walk(f"{name} {word}".strip(), each)]
    named = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    return [(name, {option for option in named if option.startswith("-")} - {"--help", "-h"})]
