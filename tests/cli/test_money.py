"""Money as the command line says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.cli.terminal import dollars
from tests.cli.commands import told
from tests.serving import serve, settings_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

ADMIN = "a-long-enough-admin-key-for-tests"


@pytest.mark.parametrize(
    ("amount", "said"),
    [(0.3, "$0.30"), (1.5, "$1.50"), (0.1456, "$0.1456"), (25, "$25"), (0, "$0"), (100.05, "$100.05"), (None, "-")],
)
def test_cents_have_two_decimals_at_least(amount: float | None, said: str) -> None:
    assert dollars(amount) == said


def test_a_budget_that_refuses_is_said_once(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_for(tmp_path / "served", admin_key=ADMIN, XAI_API_KEY="xai-test", xai_url="http://127.0.0.1:9")
    with serve(settings) as gateway:
        monkeypatch.setenv("REELGATE_BASE_URL", gateway.url)
        monkeypatch.setenv("REELGATE_API_KEY", ADMIN)
        key = run("keys", "create", "poor", "--budget", "0.01").stdout.strip()
        monkeypatch.setenv("REELGATE_API_KEY", key)
        asked = ("generate", "a boat", "--seconds", "1", "--resolution", "480p")
        dry, sent = run(*asked, "--dry-run"), run(*asked)
    for result, status in ((dry, 0), (sent, 1)):
        assert result.exit_code == status, result.output
        (line,) = (line for line in told(result) if "of this API key's $0.01 is left" in line)
        assert line.startswith("error: " if status else "note: ")
