"""The systemd unit: systemd understands it and finds it closed, and what it names exists."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from app.config import Settings

ROOT = Path(__file__).parent.parent.parent
UNIT = ROOT / "deploy" / "systemd" / "reelgate.service"
LINES = [line.partition("=")[::2] for line in UNIT.read_text().splitlines() if "=" in line and line[0] != "#"]
SECONDS_TO_STOP = 15
MOST_EXPOSED = 15  # of 100; a unit without any sandbox has 96

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def values(name: str) -> list[str]:
    return [value for found, value in LINES if found == name]


@needs_systemd
def test_systemd_finds_no_fault_with_the_unit(tmp_path: Path) -> None:
    program = tmp_path / "reelgate"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/reelgate/bin/reelgate", str(program)))
    assert _systemd("verify", "--recursive-errors=no", copy) == ""


@needs_systemd
def test_the_unit_is_closed_to_all_that_the_gateway_does_without() -> None:
    _systemd("security", "--offline=true", f"--threshold={MOST_EXPOSED}", UNIT)


def test_a_stop_has_the_time_that_it_needs() -> None:
    (seconds,) = values("TimeoutStopSec")
    assert int(seconds) > SECONDS_TO_STOP


def test_it_runs_a_command_that_is_installed_in_the_folder_that_it_may_write() -> None:
    (command,) = values("ExecStart")
    assert Path(command.split()[0]).name in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    (state,) = values("StateDirectory")
    assert values("Environment") == [f"REELGATE_DATA_DIR=/var/lib/{state}"]


def test_every_variable_of_the_example_is_a_setting() -> None:
    known = {str(field.validation_alias or f"REELGATE_{name.upper()}") for name, field in Settings.model_fields.items()}
    given = re.findall(r"^(\w+)=$", UNIT.with_name("environment.example").read_text(), re.MULTILINE)
    assert given
    assert set(given) <= known


def _systemd(*arguments: str | Path) -> str:
    """Return what systemd-analyze complains of."""
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr.strip()
