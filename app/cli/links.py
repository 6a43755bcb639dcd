"""`reelgate links`: the secret that signs links to media, through the running gateway or straight in its database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.connection import ask, client, find
from app.cli.offline import offline
from app.cli.options import AsJson, BaseUrl
from app.cli.terminal import load_settings, out, print_json
from app.cli.times import to_second

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
    base_url: BaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Replace the secret. Without --grace, every link that is out there lives as long as it was to."""
    done = _rotate(grace, base_url)
    if as_json:
        print_json(done)
        return
    begin, end = to_second(done["used_from"]), to_second(done["previous_expires_at"])
    out.print(f"links are signed anew from {begin}; those signed before are good until {end}")


def _rotate(grace: float, base_url: str | None) -> dict[str, Any]:
    settings = load_settings()
    url = find(settings, base_url)
    if url:
        with client(url, settings) as http:
            answer: dict[str, Any] = ask(http, "POST", "/v1/links/rotate", json={"grace_seconds": grace})
            return answer

    async def work(database: Database) -> dict[str, Any]:
        from app.api.link_secret import LinkSecretObject
        from app.services.link_secrets import LinkSecrets

        done = await LinkSecrets(database, database.clock, settings.data_dir / "link.secret").rotate(grace)
        return LinkSecretObject(used_from=int(done.used_from), previous_expires_at=int(done.old_until)).model_dump()

    return offline(settings, work)
