"""`python -m bench [--only reads,lists] [--seconds 3] [--rounds 3] [--full] [--litellm FOLDER] [--json FILE]`.

Starts what it needs on loopback, measures every row of docs/performance.md against a baseline of the same run, prints
one table and writes it as JSON. Ends with status 1 where a row failed, 2 where it cannot measure; a missed goal is
said in the table only.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from httpx import HTTPError
from rich.console import Console

from bench import content, creates, flight, lag, lists, peer, reads, replicas, requests, start, waiters, wrk
from bench.results import Options, Row, table, write

_TOPICS = {
    "reads": reads.rows,
    "creates": creates.rows,
    "lists": lists.rows,
    "lag": lag.rows,
    "requests": requests.rows,
    "flight": flight.rows,
    "content": content.rows,
    "waiters": waiters.rows,
    "start": start.rows,
    "replicas": replicas.rows,
    "peer": peer.rows,
}
_WITHOUT_WRK = {"lag", "requests", "flight", "waiters", "start"}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", default=",".join(_TOPICS), help=f"some of {', '.join(_TOPICS)}; comma-separated")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each load runs")
    parser.add_argument("--rounds", type=int, default=3, help="how often each load runs; medians are shown")
    parser.add_argument("--full", action="store_true", help="also 10,000 jobs in flight, which takes long")
    parser.add_argument("--litellm", type=Path, help="an environment that LiteLLM's proxy is installed in")
    parser.add_argument("--json", type=Path, default=Path("bench/results/latest.json"), help="where to write the rows")
    given = parser.parse_args()
    chosen = given.only.split(",")
    if strange := [name for name in chosen if name not in _TOPICS]:
        parser.error(f"no such rows: {', '.join(strange)}; there are {', '.join(_TOPICS)}")
    if not wrk.installed() and (driven := [name for name in chosen if name not in _WITHOUT_WRK]):
        rest = ",".join(sorted(_WITHOUT_WRK))
        parser.error(
            f"wrk is needed for {', '.join(driven)}: install it (on Debian: apt install wrk), or --only {rest}"
        )
    options = Options(given.seconds, given.rounds, given.full, given.litellm)
    console, began = Console(width=None if sys.stdout.isatty() else 160), time.monotonic()
    rows: list[Row] = []
    failed = False
    for name in chosen:
        console.print(f"measuring {name} …", style="dim")
        try:
            rows += _TOPICS[name](options)
        except (RuntimeError, HTTPError) as error:  # the other rows are worth having all the same
            rows.append(Row(name, "", f"failed: {error}", met=False))
            failed = True
    console.print(table(rows))
    write(rows, given.json, time.monotonic() - began)
    console.print(f"{time.monotonic() - began:.0f} s; written to {given.json}", style="dim")
    sys.exit(failed)


if __name__ == "__main__":
    main()
