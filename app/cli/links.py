"""`reelgate links`: the secret that signs links to media, through the running gateway or straight in its database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.connection import check, client, find
from app.cli.offline import offline
from app.cli.terminal import load_settings, out

if TYPE_CHECKING:
    from app.db.session import Database

_LONGEST = 25 * 3600  # seconds; what a link lives at most

links = typer.Typer(help="Replace the secret that signs links to media.", no_args_is_help=True)


@links.callback()
def _links() -> None:
    """Keep `rotate` a word of its own, though it is the only one."""


@links.command()
def rotate(
    *,
    grace: Annotated[
        float, typer.Option(help="Seconds for which links signed before stay good.", min=0, max=_LONGEST)
    ] = _LONGEST,
    base_url: Annotated[str | None, typer.Option("--base-url", help="A gateway elsewhere. [REELGATE_BASE_URL]")] = None,
) -> None:
    """Replace the secret. Without --grace, every link that is out there lives as long as it was to."""
    settings = load_settings()
    url = find(settings, base_url)
    if url:
        with client(url, settings) as http:
            answer = check(http.post("/v1/links/rotate", json={"grace_seconds": grace})).json()
        _say(answer["used_from"], answer["previous_expires_at"])
        return

    async def work(database: Database) -> tuple[float, float]:
        from app.services.link_secrets import LinkSecrets  # noqa: PLC0415 - only when no gateway runs

        done = await LinkSecrets(database, database.clock, settings.data_dir / "link.secret").rotate(grace)
        return done.used_from, done.old_until

    _say(*offline(settings, work))


def _say(used_from: float, old_until: float) -> None:
    out.print(f"links are signed anew from {_time(used_from)}; those signed before are good until {_time(old_until)}")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
