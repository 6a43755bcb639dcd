"""`reelgate requests`: the request log, through the running gateway or straight from its database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.completion import complete_key, complete_model, complete_video
from app.cli.connection import ask, client, find
from app.cli.offline import offline
from app.cli.options import AsJson, BaseUrl, Status
from app.cli.terminal import dollars, err, fail, load_settings, out, plain, print_json
from app.cli.times import past, to_second

if TYPE_CHECKING:
    from app.config import CommandSettings
    from app.db.session import Database

_MOST = 100  # that are listed


def requests(
    *,
    key: Annotated[str | None, typer.Option(help="Those of one key, key_….", autocompletion=complete_key)] = None,
    video: Annotated[str | None, typer.Option(help="Those about one video.", autocompletion=complete_video)] = None,
    model: Annotated[
        str | None, typer.Option(help="Those for one model, as it was asked for.", autocompletion=complete_model)
    ] = None,
    status: Annotated[Status | None, typer.Option(help="Those whose video is in this state.")] = None,
    error: Annotated[str | None, typer.Option(help="Those refused or failed with this code.")] = None,
    since: Annotated[str | None, typer.Option(help="A date of UTC (2027-01-31), or 90m, 12h, 30d.")] = None,
    after: Annotated[str | None, typer.Option(help="Those that follow this one in the list, req_….")] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=_MOST)] = 20,
    base_url: BaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """List the requests that made or changed something, refused ones too, newest first."""
    asked = {
        "key_id": key,
        "video_id": video,
        "model": model,
        "status": None if status is None else status.value,
        "error_code": error,
        "created_after": past(since, "--since"),
        "after": after,
        "limit": limit,
    }
    page = _ask(base_url, {name: value for name, value in asked.items() if value is not None})
    if as_json:
        print_json(page)
        return
    for each in page["data"]:
        out.print(_line(each), markup=False)
    if page["has_more"]:
        err.print(f"and more: --after {page['last_id']}", markup=False)
    if not page["data"]:
        err.print("no requests")


def _ask(base_url: str | None, query: dict[str, Any]) -> dict[str, Any]:
    """Ask the gateway that is named or runs, else the database."""
    settings = load_settings()
    url = find(settings, base_url)
    if url:
        with client(url, settings) as http:
            answer: dict[str, Any] = ask(http, "GET", "/v1/requests", params=query)
            return answer

    async def work(database: Database) -> dict[str, Any]:
        return await _read(settings, database, query)

    return offline(settings, work)


async def _read(settings: CommandSettings, database: Database, query: dict[str, Any]) -> dict[str, Any]:
    from pydantic import ValidationError

    from app.api.request_schemas import RequestsQuery
    from app.api.requests import page_of, request_list
    from app.services.accounts import ADMIN
    from app.services.request_log import RequestLog

    try:
        asked = page_of(RequestsQuery(**query))
    except ValidationError as error:
        first = error.errors()[0]
        fail(f"Invalid {first['loc'][0]}: {first['msg']}.")
    log = RequestLog(database, settings.request_log_seconds)
    return dict(request_list(*await log.list_page(ADMIN, asked)))


def _line(row: dict[str, Any]) -> str:
    facts = [
        to_second(row["created_at"]).removesuffix(" UTC"),
        row["id"],
        row["key_id"],
        f"{row['method']} {row['route']}",
        f"{row['status_code']} in {row['duration_ms']:g} ms",
        row["error_code"],
        row["model"],
        row["video_id"],
        row["status"],
        ",".join(row["providers"]),
        None if row["cost"] is None else dollars(row["cost"]),
        None if row["job_seconds"] is None else f"{row['job_seconds']:g} s",
    ]
    return "  ".join(plain(str(fact)) for fact in facts if fact)
