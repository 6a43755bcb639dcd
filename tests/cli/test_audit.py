"""The audit trail of commands that work in the database themselves: on stderr, as the work of `cli`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest
    from typer.testing import Result

    from tests.cli.conftest import Run


def told(result: Result) -> dict[str, Any]:
    """Return the one audit line of a command."""
    (line,) = [json.loads(line) for line in result.stderr.splitlines() if '"audit"' in line]
    return {name: value for name, value in line.items() if name not in ("level", "timestamp", "event")}


def test_commands_in_the_data_folder_leave_a_trail_and_no_secrets(run: Run) -> None:
    made = run("keys", "create", "worker", "--admin")
    created = told(made)
    key_id = created["target"]
    assert created == {"action": "key.create", "who": "cli", "target": key_id, "role": "admin"}
    about = {"who": "cli", "target": key_id}
    updated = told(run("keys", "update", key_id, "--budget", "25", "--name", "worker"))
    assert updated == {"action": "key.update", "changed": ["budget"], **about}
    rotated = run("keys", "rotate", key_id, "--grace", "5")
    assert told(rotated) == {"action": "key.rotate", "grace_seconds": 5.0, **about}
    revoked = run("keys", "revoke", key_id)
    assert told(revoked) == {"action": "key.revoke", **about}
    for result in (made, rotated):
        assert result.stdout.strip() not in result.stderr
    assert '"audit"' not in run("keys", "list").output + run("keys", "revoke", key_id).output


def test_the_trail_follows_the_settings_of_the_log(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELGATE_LOG_FORMAT", "text")
    line = run("keys", "create", "one", "--admin").stderr.splitlines()[0]
    assert all(part in line for part in ("audit", "key.create", "cli"))
    assert "{" not in line
    monkeypatch.setenv("REELGATE_LOG_LEVEL", "warning")
    assert "audit" not in run("keys", "create", "two").stderr
