"""Run commands as a user does, in a folder of their own and without the developer's settings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

import pytest
from typer.testing import CliRunner, Result

from app.cli import cli
from tests.api.waiting import waits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.api.waiting import Waits


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


@pytest.fixture
def slow(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Waits]:
    """Serve, where commands find it, videos that have a price and do not end by themselves."""
    del run  # only that its environment is this test's, too
    with waits(tmp_path / "served") as works:
        monkeypatch.setenv("REELGATE_BASE_URL", works.gateway.url)
        yield works
