"""`reelgate submissions`: paid requests whose fate nobody knows, and what the operator found out about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from app.cli.completion import complete_submission
from app.cli.connection import check, client, find, read
from app.cli.offline import offline
from app.cli.options import AsJson, BaseUrl, identifier
from app.cli.terminal import dollars, err, load_settings, out, plain, print_json
from app.cli.times import to_second

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from app.config import CommandSettings
    from app.db.flagged import Submission
    from app.db.session import Database
    from app.services.submissions import Submissions

T = TypeVar("T")

_MOST = 100  # that are listed

submissions = typer.Typer(
    help="List and resolve paid requests whose answer was lost: those of `submission_unknown`.", no_args_is_help=True
)

Id = Annotated[
    str,
    typer.Argument(
        help="The submission's id, sub_….", metavar="ID", callback=identifier, autocompletion=complete_submission
    ),
]


@submissions.command("list")
def list_submissions(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Settled ones as well.")] = False,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=_MOST)] = 20,
    base_url: BaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """List what nobody knows the fate of, newest first."""
    from app.api.submissions import submission_list
    from app.db.flagged import Page

    async def work(service: Submissions) -> dict[str, Any]:
        found, has_more = await service.list_page(Page(flagged=not everything, limit=limit))
        return submission_list(found, has_more=has_more)

    query = {"status": "all" if everything else "unknown", "limit": limit}
    page = _ask(base_url, lambda http: http.get("/v1/submissions", params=query), work)
    if as_json:
        print_json(page)
        return
    for each in page["data"]:
        cost = dollars(each["cost"] if each["status"] == "settled" else each["cost_estimate"])
        where = f"{each['video_id']}[{each['output_index']}]"
        facts = (
            each["id"],
            f"{each['phase']:<11}",
            f"{each['provider']:<7}",
            f"sent {to_second(each['sent_at'])}",
            cost,
        )
        out.print("  ".join((*facts, where, plain(each["prompt"][:40]))), markup=False)
    if page["has_more"]:
        err.print("and more: see --limit")
    if not page["data"]:
        err.print("no submissions" if everything else "nothing is unknown")


@submissions.command()
def show(submission_id: Id, base_url: BaseUrl = None, *, as_json: AsJson = False) -> None:
    """Show one: what was sent when to whom, and what is known of it."""

    async def work(service: Submissions) -> dict[str, Any]:
        return _object(await service.get(submission_id))

    _show(_ask(base_url, lambda http: http.get(f"/v1/submissions/{submission_id}"), work), as_json=as_json)


@submissions.command()
def resolve(
    submission_id: Id,
    *,
    accepted: Annotated[
        str | None, typer.Option(help="The provider has it: its id there. The job runs on.", metavar="UPSTREAM_ID")
    ] = None,
    charged: Annotated[
        float | None, typer.Option(help="It is lost, and cost this.", metavar="DOLLARS", min=0.000001, max=1000)
    ] = None,
    not_charged: Annotated[bool, typer.Option("--not-charged", help="It cost nothing.")] = False,
    base_url: BaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Say what became of one. Saying it again changes nothing; the first word stands."""
    from app.api.submissions import read_resolution
    from app.services.audit import CLI

    said: list[dict[str, object]] = []
    if accepted is not None:
        said.append({"outcome": "accepted", "upstream_id": accepted})
    if charged is not None:
        said.append({"outcome": "charged", "cost_usd": charged})
    if not_charged:
        said.append({"outcome": "not_charged"})
    if len(said) != 1:
        raise typer.BadParameter("say one of --accepted UPSTREAM_ID, --charged DOLLARS and --not-charged")

    async def work(service: Submissions) -> dict[str, Any]:
        return _object(await service.resolve(submission_id, read_resolution(said[0]), CLI))

    path = f"/v1/submissions/{submission_id}/resolve"
    _show(_ask(base_url, lambda http: http.post(path, json=said[0]), work), as_json=as_json)


def _ask(
    base_url: str | None,
    online: Callable[[httpx.Client], httpx.Response],
    direct: Callable[[Submissions], Awaitable[dict[str, Any]]],
) -> dict[str, Any]:
    """Ask the gateway that is named or runs, else the database."""
    settings = load_settings()
    url = find(settings, base_url)
    if url:
        with client(url, settings) as http:
            answer: dict[str, Any] = read(check(online(http)))
            return answer
    return offline(settings, lambda database: _serve(settings, database, direct))


async def _serve(settings: CommandSettings, database: Database, work: Callable[[Submissions], Awaitable[T]]) -> T:
    """Do the work with the providers of the settings, one of which may have to confirm a job."""
    from app.services.submissions import Submissions
    from app.startup import build_providers, load_catalogue

    scratch = settings.data_dir.absolute() / "scratch"
    providers = build_providers(settings, load_catalogue(settings), scratch)
    try:
        return await work(Submissions(database, providers, database.clock, settings.job_timeout_seconds))
    finally:
        for provider in providers.values():
            await provider.close()


def _object(found: Submission) -> dict[str, Any]:
    from app.api.submissions import submission_object

    return submission_object(found)


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    facts = {
        **{name: found[name] for name in ("id", "status", "phase", "provider", "endpoint", "model", "upstream_id")},
        "video": f"{found['video_id']}, output {found['output_index']}",
        "owner": found["owner"],
        "prompt": plain(found["prompt"]),
        "sent": to_second(found["sent_at"]),
        "answered": to_second(found["answered_at"]),
        "estimate": dollars(found["cost_estimate"]),
        "booked": dollars(found["cost"]),
    }
    for name, value in facts.items():
        out.print(f"{name:<12}{'-' if value is None else value}", markup=False)
    for each in found["attempts"]:
        story = (each["provider"], each["outcome"], dollars(each["cost"]), plain(each["message"] or ""))
        out.print(f"{'attempt':<12}{'  '.join(story)}", markup=False)
