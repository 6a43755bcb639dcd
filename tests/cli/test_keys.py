"""`reelgate keys`, `models` and `doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli.processes import served

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.cli.conftest import Run


def test_keys_are_made_listed_and_revoked_while_no_gateway_runs(run: Run) -> None:
    secret = run("keys", "create", "ci").output.strip()
    assert secret.startswith("rg_")
    listed = run("keys", "list").output
    assert secret[:10] in listed
    assert secret not in listed
    key_id = listed.split()[0]
    assert run("keys", "revoke", key_id).exit_code == 0
    assert "revoked 20" in run("keys", "list").output
    again = run("keys", "revoke", key_id)
    assert (again.exit_code, "not found" in again.output) == (1, True)


def test_keys_are_managed_through_a_running_gateway(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(tmp_path) as gateway:
        monkeypatch.setenv("REELGATE_BASE_URL", gateway.url)
        admin = run("keys", "create", "boss", "--admin").output.strip()
        assert "No API key was given" in run("keys", "list").output
        monkeypatch.setenv("REELGATE_API_KEY", admin)
        assert "boss" in run("keys", "list").output
        member = run("keys", "create", "worker").output.strip()
        monkeypatch.setenv("REELGATE_API_KEY", member)
        assert "needs an admin key" in run("keys", "list").output


def test_a_busy_data_folder_asks_for_the_gateways_address(run: Run, tmp_path: Path) -> None:
    with served(tmp_path):
        result = run("keys", "list")
    assert result.exit_code == 1
    assert "--base-url" in result.output


def test_models_are_listed_with_modes_and_prices(run: Run) -> None:
    text = run("models").output
    assert "grok-imagine-video-1.5-lite" in text
    assert "reference-to-video" in text
    assert "fal: 480p 0.05, 720p 0.07" in text


def test_the_doctor_renders_a_clip_and_finds_nothing_wrong(run: Run) -> None:
    result = run("doctor")
    assert result.exit_code == 0, result.output
    assert "H.264 and AAC work" in result.output


def test_the_doctor_names_a_folder_it_cannot_write(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELGATE_DATA_DIR", "/proc/reelgate")
    result = run("doctor")
    assert result.exit_code == 1
    assert "FAIL data" in result.output


def test_the_doctor_finds_a_running_gateway(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(tmp_path) as gateway:
        monkeypatch.setenv("REELGATE_PORT", gateway.url.rpartition(":")[2])
        assert f"runs on {gateway.url}" in run("doctor").output
