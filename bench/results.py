"""What a benchmark has found: rows, as a table for people and as JSON."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Options:
    """What was asked for. `seconds` is how long each load runs, `rounds` how often each is repeated."""

    seconds: float = 3.0
    rounds: int = 3
    full: bool = False
    litellm: Path | None = None


@dataclass(frozen=True)
class Row:
    """One figure. `ratio` is measured / baseline of the same run; `met` is None where nothing was measured."""

    what: str
    goal: str
    measured: str
    baseline: str = ""
    ratio: float | None = None
    met: bool | None = None


def absent(what: str, goal: str, why: str) -> Row:
    """Return the row of something that cannot be measured here."""
    return Row(what, goal, f"not measured: {why}")


def table(rows: Sequence[Row]) -> Table:
    """Return the rows as a table."""
    shown = Table("what", "goal", "measured", "baseline", "ratio", "met?")
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        shown.add_row(row.what, row.goal, row.measured, row.baseline, ratio, _met(row))
    return shown


def _met(row: Row) -> str:
    return "-" if row.met is None else "yes" if row.met else "NO"


def write(rows: Sequence[Row], path: Path, seconds: float) -> None:
    """Write the rows as JSON, with what they were measured on and how long that took."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "took_seconds": round(seconds),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "python": platform.python_version(),
        "rows": [asdict(row) for row in rows],
    }
    path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
