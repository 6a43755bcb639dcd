"""The data folder holds secrets and videos in the clear: it is nobody's but the gateway's own user's."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import run
from tests.files import files_in
from tests.serving import serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Run

__all__ = ["run"]

OTHERS = stat.S_IRWXG | stat.S_IRWXO


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_nobody_else_may_look_into_the_folder_or_any_file_that_a_gateway_makes(tmp_path: Path) -> None:
    with serve(settings_for(tmp_path / "data")) as gateway:
        gateway.finished()
        assert not for_others(tmp_path / "data")
    assert not for_others(tmp_path / "data")


def test_a_folder_that_was_there_keeps_its_mode_and_what_is_made_in_it_is_for_nobody_else(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "notes").touch()
    with serve(settings_for(data)) as gateway:
        gateway.finished()
        assert for_others(data) == {data, data / "notes"}


def test_a_command_that_makes_the_folder_makes_it_for_nobody_else_and_leaves_the_umask(
    run: Run, tmp_path: Path
) -> None:
    assert run("keys", "create", "ops", "--admin").exit_code == 0
    assert not for_others(tmp_path / "data")
    (tmp_path / "mine").touch()
    assert stat.S_IMODE((tmp_path / "mine").stat().st_mode) == 0o644


def test_what_generate_saves_is_as_other_files_of_its_user(tmp_path: Path) -> None:
    command = (sys.executable, "-P", "-m", "app", "generate", "a boat", "--seconds", "1", "--output", "boat.mp4")
    subprocess.run(command, cwd=tmp_path, umask=0o022, check=True, capture_output=True, timeout=300)
    assert stat.S_IMODE((tmp_path / "boat.mp4").stat().st_mode) == 0o644
    assert not for_others(tmp_path / "data")


def test_doctor_warns_of_a_folder_that_others_may_read_until_its_command_was_run(run: Run, tmp_path: Path) -> None:
    run("keys", "create", "ops", "--admin")
    assert "warn data" not in run("doctor").output
    data = tmp_path / "data"
    data.chmod(0o755)
    assert "reelgate.sqlite3" not in warning(run("doctor").output)
    (data / "reelgate.sqlite3").chmod(0o644)
    result = run("doctor")
    assert result.exit_code == 0, result.output
    said = warning(result.output)
    assert f"every user of this machine may look into {data}, and reelgate.sqlite3 with its secrets read" in said
    command = said.rpartition(": ")[2]
    assert command == f"chmod -R o-rwx {data}"
    subprocess.run(command.split(), check=True)
    assert "warn data" not in run("doctor").output


def warning(said: str) -> str:
    """Return doctor's warning."""
    return next(line for line in said.splitlines() if line.startswith("warn data"))


def for_others(data: Path) -> set[Path]:
    """Return what others than the owner may do anything with."""
    places = {data, *data.rglob("*"), *files_in(data)}
    return {place for place in places if place.exists() and place.stat().st_mode & OTHERS}
