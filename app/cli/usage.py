"""`reelgate usage` and `reelgate balance`: what was made, what it cost, and what may still be spent."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from app.cli.connection import ask, connect
from app.cli.options import AsJson, BaseUrl
from app.cli.tables import Column, print_table
from app.cli.terminal import dollars, err, load_settings, out, print_json
from app.cli.times import past, to_minute

_BAR = 24  # cells of the longest bar


class Group(StrEnum):
    """What is added up."""

    DAY = "day"
    MODEL = "model"
    PROVIDER = "provider"
    KEY = "key"


def usage(
    *,
    group_by: Annotated[Group, typer.Option(help="Days are of UTC.")] = Group.DAY,
    since: Annotated[str | None, typer.Option(help="A date of UTC (2027-01-31), or 90m, 12h, 30d.")] = None,
    until: Annotated[str | None, typer.Option(help="As --since; up to, not with it.")] = None,
    base_url: BaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Add up what was made and what it cost: yours, and everybody's for an admin."""
    asked = {"group_by": group_by.value, "start": past(since, "--since"), "end": past(until, "--until")}
    query = {name: value for name, value in asked.items() if value is not None}
    with connect(load_settings(), base_url) as http:
        answer = ask(http, "GET", "/v1/usage", params=query)
    if as_json:
        print_json(answer)
    elif answer["data"]:
        _print(answer["data"], group_by.value)
    else:
        err.print("nothing was made")


def _print(groups: list[dict[str, Any]], by: str) -> None:
    """Print a line for each group, with a bar of its cost, or of its seconds where nothing cost anything."""
    measure = "cost" if any(group["cost"] for group in groups) else "seconds"
    most = max(group[measure] for group in groups) or 1
    total = {name: sum(group[name] for group in groups) for name in ("videos", "outputs", "seconds", "cost")}
    rows = [[group[by], *_figures(group), "█" * round(_BAR * group[measure] / most)] for group in groups]
    figures = [Column(name, right=True) for name in ("videos", "outputs", "seconds", "cost")]
    print_table([Column(by), *figures, Column("")], [*rows, ["total", *_figures(total), ""]])


def _figures(group: dict[str, Any]) -> list[str]:
    return [str(group["videos"]), str(group["outputs"]), f"{group['seconds']:.1f}", dollars(round(group["cost"], 6))]


def balance(base_url: BaseUrl = None, *, as_json: AsJson = False) -> None:
    """Say what your key may still spend, has spent and has reserved."""
    with connect(load_settings(), base_url) as http:
        answer = ask(http, "GET", "/v1/balance")
    if as_json:
        print_json(answer)
        return
    available = answer["available"]
    per = "" if answer["period"] in (None, "total") else f" per {answer['period']}"
    until = f", until {to_minute(answer['resets_at'])} UTC" if answer["resets_at"] else ""
    limit = "no limit" if answer["limit"] is None else f"{dollars(answer['limit'])}{per}{until}"
    out.print(f"available  {'no limit' if available is None else dollars(available['amount'])}")
    out.print(f"spent      {dollars(answer['spent'])}")
    out.print(f"reserved   {dollars(answer['reserved'])}")
    out.print(f"budget     {limit}")
