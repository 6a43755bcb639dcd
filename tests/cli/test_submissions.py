"""`reelgate submissions`, through a running gateway and in the data folder itself."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from app.startup import lock
from tests.cli.commands import told
from tests.failover.system import System
from tests.serving import settings_for
from tests.upstreams.behaviour import Rule, accept_then, cut

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Run

PROMPT = "a calm sea\nat \x1b[31mdusk"


@pytest.fixture
def system(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """Serve with one submission of unknown fate, where commands find it."""
    del run  # only that its environment is this test's, too
    with ExitStack() as stack:
        made = System(tmp_path / "data", stack, monkeypatch)
        made.start(providers=("xai",), settle_seconds=0)
        made.misbehave("xai", Rule(on="submit", do=accept_then(cut(reset=True)), times=None))
        lose(made)
        monkeypatch.setenv("REELGATE_XAI_URL", made.settings["xai_url"])
        monkeypatch.setenv("XAI_API_KEY", made.settings["XAI_API_KEY"])
        monkeypatch.setenv("REELGATE_BASE_URL", made.gateway.url)
        yield made


def lose(system: System) -> str:
    """Have a video fail as its submission's answer is lost; return its id."""
    known = system.arrived("xai")
    video_id = system.create(prompt=PROMPT)
    system.until(lambda: system.arrived("xai") > known)
    assert system.outlast(video_id)["error"]["code"] == "submission_unknown"
    return video_id


def listed(run: Run, *options: str) -> list[dict[str, Any]]:
    """List submissions as JSON."""
    found: list[dict[str, Any]] = json.loads(run("submissions", "list", "--json", *options).stdout)["data"]
    return found


def test_submissions_are_listed_shown_and_resolved_through_a_running_gateway(run: Run, system: System) -> None:
    (flagged,) = listed(run)
    assert flagged == system.gateway.http.get(f"/v1/submissions/{flagged['id']}").json()
    line = run("submissions", "list").stdout
    assert len(line.splitlines()) == 1
    for fact in (flagged["id"], "submitting", "xai", "$0.05", f"{flagged['video_id']}[0]", "a calm sea at  [31mdusk"):
        assert fact in line
    page = run("submissions", "show", flagged["id"]).stdout
    for fact in (
        "status      unknown",
        "endpoint    videos/generations",
        "owner       open",
        "attempt     xai  unknown",
    ):
        assert fact in page
    assert "\x1b" not in line + page
    assert json.loads(run("submissions", "show", flagged["id"], "--json").stdout) == flagged

    done = run("submissions", "resolve", flagged["id"], "--accepted", system.only_paid("xai").request_id)
    assert (done.exit_code, "settled" in done.stdout) == (0, True)
    assert system.wait(flagged["video_id"])["status"] == "completed"
    assert told(run("submissions", "list")) == ["nothing is unknown"]
    assert [each["phase"] for each in listed(run, "--all")] == ["accepted"]
    lost = run("videos", "watch", lose(system), "-o", "lost.mp4")
    assert (lost.exit_code, "`reelgate submissions list`" in lost.stderr) == (1, True)
    again = run("submissions", "resolve", flagged["id"], "--not-charged")
    assert (again.exit_code, "it was accepted" in again.output) == (1, True)


def test_submissions_are_resolved_while_no_gateway_runs(
    run: Run, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(system)
    lose(system)
    system.stop()
    monkeypatch.delenv("REELGATE_BASE_URL")
    monkeypatch.setenv("REELGATE_DATA_DIR", "data")
    flagged = listed(run)
    first, second, third = (each["id"] for each in flagged)
    upstream_id = system.xai.ledger.paid()[-1].request_id
    missing = run("submissions", "resolve", first, "--accepted", "no-such-request")
    assert (missing.exit_code, "does not confirm" in missing.output) == (1, True)
    done = run("submissions", "resolve", first, "--accepted", upstream_id, "--json")
    assert json.loads(done.stdout)["upstream_id"] == upstream_id
    assert "booked      $0.0525" in run("submissions", "resolve", second, "--charged", "0.0525").stdout
    assert json.loads(run("submissions", "resolve", third, "--not-charged", "--json").stdout)["phase"] == "not_charged"
    assert listed(run) == []
    assert [each["id"] for each in listed(run, "--all", "--limit", "2")] == [first, second]
    assert told(run("submissions", "list", "--all", "--limit", "2")) == ["and more: see --limit"]
    system.start(providers=("xai",))
    assert system.wait(flagged[0]["video_id"])["status"] == "completed"


@pytest.mark.parametrize("options", [(), ("--not-charged", "--charged", "1")], ids=["none", "two"])
def test_a_resolution_is_one_word_and_no_more(run: Run, options: tuple[str, ...]) -> None:
    result = run("submissions", "resolve", "sub_1", *options)
    assert (result.exit_code, "say one of" in result.output) == (2, True)


def test_what_is_not_there_is_said(run: Run, tmp_path: Path) -> None:
    assert told(run("submissions", "list", "--all")) == ["no submissions"]
    result = run("submissions", "show", "sub_1")
    assert (result.exit_code, "not found" in result.output) == (1, True)
    with lock(settings_for(tmp_path / "data")):
        busy = run("submissions", "list")
    assert (busy.exit_code, "--base-url" in busy.output) == (1, True)
