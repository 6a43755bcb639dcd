"""The `reelgate` command and its commands, in the order in which one needs them."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.doctor import doctor
from app.cli.generate import generate
from app.cli.keys import keys
from app.cli.links import links
from app.cli.models import models
from app.cli.requests import requests
from app.cli.serve import serve, worker
from app.cli.submissions import submissions
from app.cli.terminal import speak_json
from app.cli.usage import balance, usage
from app.cli.videos import videos

cli = typer.Typer(
    name="reelgate",
    help="A self-hosted, OpenAI-compatible gateway for video generation.\n\n"
    "Try: [bold]reelgate generate 'a lighthouse in a storm' -o storm.mp4[/bold]. Without any provider key, clips are "
    "rendered on this machine: real files to develop against, and no AI.",
    rich_markup_mode="rich",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals hold keys
    context_settings={"help_option_names": ["-h", "--help"]},
)
cli.command()(serve)
cli.command()(worker)
cli.command()(generate)
cli.add_typer(videos, name="videos")
cli.command()(models)
cli.command()(usage)
cli.command()(balance)
cli.command()(requests)
cli.add_typer(keys, name="keys")
cli.add_typer(links, name="links")
cli.add_typer(submissions, name="submissions")
cli.command()(doctor)


def _version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"reelgate {version('reelgate')}")
        raise typer.Exit


@cli.callback()
def _root(
    *, version: Annotated[bool, typer.Option("--version", callback=lambda wanted: _version(wanted=wanted))] = False
) -> None:
    """Take the options that go before a command."""
    del version
    speak_json(wanted=False)


def main() -> None:
    """Run the command line."""
    cli()
