"""A short round of the crash harness; `make crash` runs the long one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.crash.harness import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.timeout(240)
def test_every_accepted_video_is_finished_once_however_often_the_gateway_is_killed(tmp_path: Path) -> None:
    seen = run(tmp_path, jobs=8, kills=5, seed=7)
    assert seen["completed"] == 8
    assert seen["kills while jobs ran"]
