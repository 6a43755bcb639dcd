"""Run commands as a user does, in a folder of their own and without the developer's settings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

import pytest
from typer.testing import CliRunner, Result

from app.cli import cli

if TYPE_CHECKING:
    from pathlib import Path


class Run(Protocol):
    """Run `reelgate ARGS…`."""

    def __call__(self, *args: str) -> Result: ...


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_port: int) -> Run:
    for name in os.environ:
        if name.startswith("REELGATE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("REELGATE_PORT", str(unused_port))
    monkeypatch.chdir(tmp_path)

    def invoke(*args: str) -> Result:
        return CliRunner().invoke(cli, args)

    return invoke
