"""`reelgate usage` and `reelgate balance`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.api.waiting import until, waits
from tests.cli.commands import told
from tests.serving import serve, settings_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

ADMIN = "a-long-enough-admin-key-for-tests"


def test_usage_is_a_table_with_bars_of_what_it_cost(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with waits(tmp_path / "served") as works:
        monkeypatch.setenv("REELGATE_BASE_URL", works.gateway.url)
        nothing = run("usage")
        assert (nothing.stdout, told(nothing)) == ("", ["nothing was made"])
        videos = [works.create(seconds=seconds) for seconds in (1, 3)]
        videos.append(works.create(seconds=4, model="grok-imagine-video-1.5"))
        works.end_all()
        until(lambda: all(works.get(video)["status"] == "completed" for video in videos))
        answer = json.loads(run("usage", "--group-by", "model", "--json").stdout)
        assert answer == works.gateway.http.get("/v1/usage?group_by=model").json()
        lines = run("usage", "--group-by", "model").stdout.splitlines()
        assert lines[0].split() == ["model", "videos", "outputs", "seconds", "cost"]
        for line, group in zip(lines[1:], answer["data"], strict=False):
            name, count, outputs, _seconds, cost, bar = line.split()
            assert (name, int(count), int(outputs)) == (group["model"], group["videos"], group["outputs"])
            assert float(cost[1:]) == pytest.approx(group["cost"])
            assert len(bar) == round(24 * group["cost"] / max(each["cost"] for each in answer["data"]))
        assert lines[-1].split()[:3] == ["total", "3", "3"]
        assert run("usage", "--group-by", "day").stdout.splitlines()[1].startswith("20")
        assert told(run("usage", "--since", "2120-01-31")) == ["nothing was made"]


def test_the_balance_says_what_may_still_be_spent(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(settings_for(tmp_path / "served", admin_key=ADMIN)) as gateway:
        monkeypatch.setenv("REELGATE_BASE_URL", gateway.url)
        monkeypatch.setenv("REELGATE_API_KEY", ADMIN)
        assert run("balance").stdout.splitlines() == [
            "available  no limit",
            "spent      $0",
            "reserved   $0",
            "budget     no limit",
        ]
        key = run("keys", "create", "worker", "--budget", "25", "--per", "month").stdout.strip()
        monkeypatch.setenv("REELGATE_API_KEY", key)
        lines = run("balance").stdout.splitlines()
        assert lines[0] == "available  $25"
        assert lines[3].startswith("budget     $25 per month, until 20")
        answer = httpx.get(f"{gateway.url}/v1/balance", headers={"Authorization": f"Bearer {key}"}, timeout=60).json()
        assert json.loads(run("balance", "--json").stdout) == answer
