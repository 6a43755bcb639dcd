"""`reelgate requests`, through a running gateway and in the data folder itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.commands import told
from tests.serving import serve, settings_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run
    from tests.serving import Running


def listed(run: Run, *options: str) -> list[dict[str, Any]]:
    """List requests as JSON."""
    found: list[dict[str, Any]] = json.loads(run("requests", "--json", *options).stdout)["data"]
    return found


def work(gateway: Running) -> str:
    """Make a video, and ask for another in vain under a name that gives the terminal orders."""
    video: str = gateway.finished()["id"]
    gateway.http.post("/v1/videos", json={"prompt": "x", "model": "no\nsuch \x1b[31mmodel"})
    return video


def check(run: Run, video: str) -> None:
    """Look at the log in every way."""
    refused, made = listed(run)
    assert (refused["error_code"], made["video_id"]) == ("model_not_found", video)
    for options, expected in (
        (("--error", "model_not_found"), [refused]),
        (("--video", video), [made]),
        (("--status", "completed"), [made]),
        (("--model", made["model"]), [made]),
        (("--key", "open"), [refused, made]),
        (("--key", "key_none"), []),
        (("--after", refused["id"]), [made]),
        (("--limit", "1"), [refused]),
        (("--since", "90m"), [refused, made]),
        (("--since", "2020-01-31"), [refused, made]),
        (("--since", "99999999d"), [refused, made]),
        (("--since", "2120-01-31"), []),
    ):
        assert listed(run, *options) == expected, options
    first, second = run("requests").stdout.splitlines()
    for fact in (refused["id"], "open", "POST /v1/videos", "404 in ", "model_not_found", "no such  [31mmodel"):
        assert fact in first
    for fact in (made["id"], "200 in ", video, "completed", "local", "$0", " s"):
        assert fact in second
    assert told(run("requests", "--limit", "1")) == [f"and more: --after {refused['id']}"]
    assert told(run("requests", "--key", "key_none")) == ["no requests"]
    wrong = run("requests", "--after", "x" * 300)
    assert (wrong.exit_code, "Invalid after: " in wrong.output) == (1, True)


def test_the_request_log_is_listed_through_a_running_gateway(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(settings_for(tmp_path / "data")) as gateway:
        monkeypatch.setenv("REELGATE_BASE_URL", gateway.url)
        check(run, work(gateway))


def test_the_request_log_is_listed_while_no_gateway_runs(run: Run, tmp_path: Path) -> None:
    with serve(settings_for(tmp_path / "data")) as gateway:
        video = work(gateway)
    check(run, video)


@pytest.mark.parametrize("since", ["soon", "d", "1e999d"])
def test_a_time_that_is_none_is_refused(run: Run, since: str) -> None:
    result = run("requests", "--since", since)
    assert (result.exit_code, "expected a date" in result.output) == (1, True)
