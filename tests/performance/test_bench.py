"""`python -m bench`: what it says where it cannot measure, and what it leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def test_where_wrk_is_missing_it_says_so_and_ends_with_status_2(tmp_path: Path) -> None:
    done = _bench("--only", "reads", PATH=str(tmp_path))
    assert done.returncode == 2
    assert "wrk is needed for reads" in done.stderr


def test_an_unknown_row_is_refused_with_the_names_of_all() -> None:
    done = _bench("--only", "reads,speed")
    assert done.returncode == 2
    assert "no such rows: speed; there are reads, creates, lists" in done.stderr


@pytest.mark.timeout(300)
def test_it_prints_a_table_and_writes_the_same_rows_as_json(tmp_path: Path) -> None:
    found = tmp_path / "results" / "found.json"
    done = _bench("--only", "start", "--rounds", "1", "--json", str(found))
    assert done.returncode == 0, done.stderr
    rows = json.loads(found.read_text())["rows"]
    assert [row["what"] for row in rows] == [
        "process start to ready",
        "RSS at rest",
        "installed size, run-time packages",
    ]
    for row in rows:
        assert row["what"] in done.stdout
        assert row["met"] in (True, False)
    assert all(row["baseline"] and row["ratio"] > 0 for row in rows[:2])


def _bench(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
