"""`reelgate doctor`: what `serve` would refuse is a failure here, too."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from app.config import Settings
from app.startup import lock
from tests.cli.processes import served

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.cli.conftest import Run


def test_it_renders_a_clip_and_finds_nothing_wrong(run: Run, tmp_path: Path) -> None:
    result = run("doctor")
    assert result.exit_code == 0, result.output
    assert "H.264 and AAC work" in result.output
    assert "open: no key is needed" in result.output
    assert not (tmp_path / "data").exists()


def test_a_folder_it_cannot_write_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for place in ("/proc/reelgate", "file"):
        monkeypatch.setenv("REELGATE_DATA_DIR", place)
        result = run("doctor")
        assert result.exit_code == 1
        assert "FAIL data" in result.output


def test_a_public_address_without_a_key_fails_in_the_words_of_serve(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELGATE_HOST", "0.0.0.0")  # noqa: S104 - the point of the test
    result = run("doctor")
    assert result.exit_code == 1
    assert "FAIL access     0.0.0.0 can be reached from other machines, and there is no API key" in result.output
    assert run("keys", "create", "ops", "--admin").exit_code == 0
    result = run("doctor")
    assert result.exit_code == 0, result.output
    assert "by the keys in `reelgate keys list`" in result.output


def test_a_damaged_database_fails(run: Run, tmp_path: Path) -> None:
    run("keys", "create", "ops", "--admin")
    assert "sound" in run("doctor").output
    (tmp_path / "data/reelgate.sqlite3").write_bytes(b"no database" * 1000)
    result = run("doctor")
    assert result.exit_code == 1
    assert "FAIL database   file is not a database" in result.output


def test_a_data_folder_that_another_process_holds_fails(run: Run) -> None:
    run("keys", "create", "ops", "--admin")
    with lock(Settings()):
        result = run("doctor")
    assert result.exit_code == 1
    assert "Another gateway is using the data folder" in result.output


def test_a_python_that_is_too_old_fails(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["app.cli.doctor"], "_PYTHON", (99, 0))
    result = run("doctor")
    assert result.exit_code == 1
    assert "is too old: 99.0 is needed" in result.output


def test_a_running_gateway_is_found_and_asked(run: Run, tmp_path: Path) -> None:
    with served(tmp_path) as gateway:
        said = run("doctor").output
        assert f"runs on {gateway.url}" in said
        assert "answers in the running gateway" in said
        assert "open: no key is needed" in said
        run("keys", "create", "ops", "--admin")
        assert "by the keys in `reelgate keys list`" in run("doctor").output
