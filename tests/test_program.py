"""Messages name the program as the reader has to type it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.program import program


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the program in a folder, and have it started by its path."""
    path = tmp_path / "my tools" / "reelgate"
    path.parent.mkdir()
    path.write_text(f"#!{sys.executable}\nfrom app.cli import main\nmain()\n")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(path), "serve"])
    monkeypatch.setenv("PATH", os.defpath)
    return path


def test_it_is_called_by_its_name_where_the_shell_finds_it(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(installed.parent))
    assert program() == "reelgate"


def test_where_the_shell_finds_another_it_is_called_by_its_path(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "reelgate"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program() == f"'{installed}'"


def test_as_a_module_it_goes_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["app/__main__.py"])
    assert program() == "reelgate"


def test_what_a_command_advises_can_be_typed_as_it_stands(installed: Path, tmp_path: Path) -> None:
    environment = {"PATH": os.defpath, "PYTHONPATH": str(Path.cwd()), "REELGATE_HOST": "0.0.0.0"}  # noqa: S104 - refused
    asked = [str(installed), "serve"]
    done = subprocess.run(asked, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert f"Make one with `'{installed}' keys create NAME --admin`" in done.stderr
