"""`reelgate doctor`: what `serve` would refuse is a failure here, too."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from app.config import Settings
from app.startup import lock
from tests.cli.processes import served

if TYPE_CHECKING:
    from pathlib import Path

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
    monkeypatch.setattr(sys.modules["app.cli.checks"], "_PYTHON", (99, 0))
    result = run("doctor")
    assert result.exit_code == 1
    assert "is too old: 99.0 is needed" in result.output


def test_it_says_that_it_leaves_a_gateway_elsewhere_aside(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELGATE_BASE_URL", "https://elsewhere.example/v1")
    assert "REELGATE_BASE_URL, which names another gateway, is left aside" in run("doctor").output
    with served(tmp_path) as gateway:
        monkeypatch.setenv("REELGATE_BASE_URL", f"{gateway.url}/v1")
        said = run("doctor").output
    assert f"runs on {gateway.url}\n" in said
    assert "REELGATE_BASE_URL" not in said


def test_a_running_gateway_is_found_and_asked(run: Run, tmp_path: Path) -> None:
    with served(tmp_path) as gateway:
        said = run("doctor").output
        assert f"runs on {gateway.url}" in said
        assert "answers in the running gateway" in said
        assert "open: no key is needed" in said
        run("keys", "create", "ops", "--admin")
        assert "by the keys in `reelgate keys list`" in run("doctor").output


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000 is not https"),
        ("http://videos.example.org", "http://videos.example.org is not https"),
        ("https://10.0.0.5", "is at 10.0.0.5, which is not on the public internet"),
        ("https://nobody.invalid", "its host is not found"),
    ],
)
def test_a_public_url_that_no_provider_could_reach_fails_and_says_what_to_do(
    run: Run, monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    monkeypatch.setenv("REELGATE_PUBLIC_URL", url)
    result = run("doctor")
    assert result.exit_code == 1
    assert "FAIL public url" in result.output
    assert said in result.output
    assert "REELGATE_PUBLIC_URL" in result.output.partition("FAIL public url")[2]
    assert "fal" not in result.output


def test_without_a_public_url_it_says_what_that_means_for_the_providers_there_are(
    run: Run, monkeypatch: pytest.MonkeyPatch, unused_port: int
) -> None:
    said = run("doctor").output
    assert "ok   public url REELGATE_PUBLIC_URL is unset: links begin with the address of the request.\n" in said
    monkeypatch.setenv("FAL_KEY", "id:secret")
    monkeypatch.setenv("REELGATE_FAL_API_URL", f"http://127.0.0.1:{unused_port}")
    said = run("doctor").output
    assert "fal is asked for the end of each job, rather than telling it." in said
    assert "Pictures travel" not in said
    assert "Videos travel" not in said
