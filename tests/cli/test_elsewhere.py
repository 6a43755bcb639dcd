"""Commands in a folder where no gateway ever was, as after `cd`: they say so, and begin nothing unasked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.commands import told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


@pytest.mark.parametrize(
    "command",
    [
        "videos list",
        "videos show video_1",
        "videos watch video_1",
        "videos download video_1",
        "videos cancel video_1",
        "videos delete video_1",
        "usage",
        "balance",
    ],
)
def test_what_only_looks_for_something_leaves_the_folder_as_it_is_and_says_how_to_name_a_gateway(
    run: Run, tmp_path: Path, command: str
) -> None:
    result = run(*command.split(), "--json")
    error = json.loads(result.stdout)["error"]
    assert (result.exit_code, error["code"]) == (3, "gateway_unreachable")
    assert error["message"].startswith("no gateway answers at http://127.0.0.1:")
    assert f"there is nothing in {tmp_path / 'data'}; --base-url or REELGATE_BASE_URL names one" in error["message"]
    assert list(tmp_path.iterdir()) == []


def test_a_gateway_that_is_started_to_make_a_video_is_said_to_be_and_where(run: Run, tmp_path: Path) -> None:
    result = run("generate", "a boat", "--dry-run")
    assert result.exit_code == 0, result.output
    (first, *_) = told(result)
    assert first.startswith("note: no gateway answers at http://127.0.0.1:")
    assert f"one was started in {tmp_path / 'data'} for this command" in first
