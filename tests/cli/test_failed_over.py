"""`reelgate videos show` of a video that one provider failed at and another one made."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.failover.system import System
from tests.upstreams.behaviour import Rule, fail

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.cli.conftest import Run

FAILURE = fail(500, {"detail": "Runner died", "error_type": "runner_server_error"}, error_type="runner_server_error")


def test_the_story_says_where_it_failed_before_it_was_made(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        system = System(tmp_path / "served", stack, monkeypatch)
        system.misbehave("fal", Rule(on="job", do=FAILURE))
        video = system.wait(system.create())
        page = run("videos", "show", video["id"], "--base-url", system.gateway.url).stdout
    told = re.findall(r"^\+[\d.]+ s +(.*?) *$", page, re.MULTILINE)
    assert told == [
        "queued",
        "submitted to fal",
        "accepted by fal",
        "failed at fal, to be made elsewhere",
        "submitted to aimlapi",
        "accepted by aimlapi",
        "completed",
    ]
