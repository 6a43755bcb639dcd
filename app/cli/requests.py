"""`reelgate requests`: the request log, through the running gateway or straight from its database."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from app.cli.connection import check, client, find
from app.cli.offline import offline
from app.cli.terminal import fail, load_settings, out

if TYPE_CHECKING:
    from app.config import CommandSettings
    from app.db.session import Database

_MOST = 100  # that are listed
_UNITS = {"m": 60, "h": 3600, "d": 86400}


class Status(StrEnum):
    """What became of a video."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


def requests(
    *,
    key: Annotated[str | None, typer.Option(help="Those of one key, key_….")] = None,
    video: Annotated[str | None, typer.Option(help="Those about one video.")] = None,
    model: Annotated[str | None, typer.Option(help="Those for one model, as it was asked for.")] = None,
    status: Annotated[Status | None, typer.Option(help="Those whose video is in this state.")] = None,
    error: Annotated[str | None, typer.Option(help="Those refused or failed with this code.")] = None,
    since: Annotated[str | None, typer.Option(help="A date of UTC (2027-01-31), or 90m, 12h, 30d.")] = None,
    after: Annotated[str | None, typer.Option(help="Those that follow this one in the list, req_….")] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=_MOST)] = 20,
    base_url: Annotated[str | None, typer.Option(help="A gateway elsewhere. [REELGATE_BASE_URL]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As the API answers.")] = False,
) -> None:
    """List the requests that made or changed something, refused ones too, newest first."""
    asked = {
        "key_id": key,
        "video_id": video,
        "model": model,
        "status": None if status is None else status.value,
        "error_code": error,
        "created_after": None if since is None else _moment(since),
        "after": after,
        "limit": limit,
    }
    page = _ask(base_url, {name: value for name, value in asked.items() if value is not None})
    if as_json:
        out.print(json.dumps(page, indent=2, ensure_ascii=False), markup=False)
        return
    for each in page["data"]:
        out.print(_line(each), markup=False)
    if page["has_more"]:
        out.print(f"and more: --after {page['last_id']}", markup=False)
    if not page["data"]:
        out.print("no requests")


def _ask(base_url: str | None, query: dict[str, Any]) -> dict[str, Any]:
    """Ask the gateway that is named or runs, else the database."""
    settings = load_settings()
    url = find(settings, base_url)
    if url:
        with client(url, settings) as http:
            answer: dict[str, Any] = check(http.get("/v1/requests", params=query)).json()
            return answer

    async def work(database: Database) -> dict[str, Any]:
        return await _read(settings, database, query)

    return offline(settings, work)


async def _read(settings: CommandSettings, database: Database, query: dict[str, Any]) -> dict[str, Any]:
    from app.api.request_schemas import RequestsQuery  # noqa: PLC0415 - only when no gateway runs
    from app.api.requests import page_of, request_list  # noqa: PLC0415 - as above
    from app.services.accounts import ADMIN  # noqa: PLC0415 - as above
    from app.services.request_log import RequestLog  # noqa: PLC0415 - as above

    try:
        asked = page_of(RequestsQuery(**query))
    except ValidationError as error:
        first = error.errors()[0]
        fail(f"Invalid {first['loc'][0]}: {first['msg']}.")
    log = RequestLog(database, settings.request_log_seconds)
    return dict(request_list(*await log.list_page(ADMIN, asked)))


def _moment(text: str) -> int:
    """Read a date, or how long ago, as unix seconds."""
    try:
        if text[-1:] in _UNITS:
            return max(0, int(time.time() - float(text[:-1]) * _UNITS[text[-1]]))
        return max(0, int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()))
    except (ValueError, OverflowError):
        fail(f"--since {text}: expected a date such as 2027-01-31, or how long ago, such as 90m, 12h or 30d")


def _line(row: dict[str, Any]) -> str:
    facts = [
        datetime.fromtimestamp(row["created_at"], UTC).strftime("%Y-%m-%d %H:%M:%S"),
        row["id"],
        row["key_id"],
        f"{row['method']} {row['route']}",
        f"{row['status_code']} in {row['duration_ms']:g} ms",
        row["error_code"],
        row["model"],
        row["video_id"],
        row["status"],
        ",".join(row["providers"]),
        None if row["cost"] is None else f"${row['cost']:.6f}".rstrip("0").rstrip("."),
        None if row["job_seconds"] is None else f"{row['job_seconds']:g} s",
    ]
    return "  ".join(_plain(str(fact)) for fact in facts if fact)


def _plain(text: str) -> str:
    """Keep others' words (a model may have any name) on one line, and from giving the terminal orders."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
