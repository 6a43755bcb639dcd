"""TAB in a shell: names that the gateway knows, quickly, and nothing where it is silent."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from app.cli import cli
from tests.serving import coverage_environment, serve, settings_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run
    from tests.serving import Running

ADMIN = "a-long-enough-admin-key-for-tests"
HOSTILE = "a \\$(touch pwned) `touch pwned` \"x\" 'y' ]]; touch pwned: [bold]sea\n\x1b[31m"


def complete(line: str, shell: str = "fish") -> dict[str, str]:
    """Return what a shell is offered at the end of a line, and what is said about each."""
    words = {"_TYPER_COMPLETE_ARGS": line, "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    asked = {"_REELGATE_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args", **words}
    result = CliRunner().invoke(cli, env=asked, prog_name="reelgate")
    assert result.exit_code == 0, result.output
    return {name: about for name, _, about in (line.partition("\t") for line in result.stdout.split("\n") if line)}


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a loaded machine take its time."""
    monkeypatch.setattr("app.cli.completion._SECONDS", 30)


@pytest.fixture
def here(run: Run, patient: None, gateway: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    """Have the gateway where commands find it."""
    del run, patient  # only that its environment is this test's, too
    monkeypatch.setenv("REELGATE_BASE_URL", gateway.url)
    return gateway


def test_commands_and_options_are_offered() -> None:
    assert {"list", "show", "watch", "download", "cancel", "delete"} == set(complete("reelgate videos "))
    assert "--group-by" in complete("reelgate usage --")
    assert set(complete("reelgate usage --group-by ")) == {"day", "key", "model", "provider"}
    assert set(complete("reelgate videos list --status ")) == {"queued", "in_progress", "completed", "failed"}


def test_videos_are_offered_with_their_state_and_prompt(here: Running) -> None:
    video = here.finished(prompt="a red kite")
    assert complete(f"reelgate videos show {video['id'][:12]}")[video["id"]] == "completed, a red kite"
    assert complete("reelgate videos show video_none") == {}
    assert video["id"] in complete("reelgate requests --video ")


def test_models_and_providers_are_offered(here: Running, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    online = complete("reelgate generate x --model ")
    assert online["grok-imagine-video"] == online["sora-2"] == "Grok Imagine Video"
    assert set(complete("reelgate keys create x --provider ")) == {"local"}
    monkeypatch.delenv("REELGATE_BASE_URL")
    assert set(complete("reelgate generate x --model ")) >= set(online)
    assert set(complete("reelgate keys create x --provider ")) == {"aimlapi", "fal", "local", "xai"}
    assert complete("reelgate generate x --model sora-2-pro-") == {"sora-2-pro-2025-10-06": "Grok Imagine Video 1.5"}
    del here, run


@pytest.mark.usefixtures("patient")
def test_keys_are_offered_to_who_may_see_them(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(settings_for(tmp_path / "served", admin_key=ADMIN)) as gateway:
        monkeypatch.setenv("REELGATE_API_KEY", ADMIN)
        run("keys", "create", "laptop", "--base-url", gateway.url)
        line = f"reelgate keys revoke --base-url {gateway.url} "
        assert list(complete(line).values()) == ["laptop"]
        monkeypatch.setenv("REELGATE_API_KEY", "rg_wrong")
        assert complete(line) == {}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_that_evaluates_what_is_offered_is_given_no_orders(here: Running, shell: str) -> None:
    video = here.create(prompt=HOSTILE)
    offered = "\n".join(complete("reelgate videos cancel ", shell))
    here.http.post(f"/v1/videos/{video['id']}/cancel")
    assert video["id"] in offered
    prompts = re.sub(r"^_arguments '\*: :\(\(|\)\)'$", "", offered)
    assert not re.search(r"[\\$`';\[\]\x1b]", prompts)


def test_bash_completes_and_runs_nothing_of_a_prompt(here: Running, tmp_path: Path) -> None:
    video = here.finished(prompt=HOSTILE)
    folder = tmp_path / "bin"
    folder.mkdir()
    started = "import sys; sys.argv[0] = 'reelgate'; from app import cli; cli.completion._SECONDS = 30; cli.main()"
    command = f'exec {sys.executable} -P -c "{started}" "$@"'
    (folder / "reelgate").write_text(f"#!/bin/sh\n{command}\n")
    (folder / "reelgate").chmod(0o755)
    script = f"""
    eval "$(_REELGATE_COMPLETE=source_bash reelgate)"
    COMP_WORDS=(reelgate videos show {video["id"][:12]}) COMP_CWORD=3
    _reelgate_completion reelgate; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={"PATH": f"{folder}:{os.environ['PATH']}", "REELGATE_BASE_URL": here.url, **coverage_environment()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert video["id"] in done.stdout.split(), done.stderr
    assert not (tmp_path / "pwned").exists()


def test_a_gateway_that_does_not_answer_holds_nobody_up(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("REELGATE_BASE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        begun = time.monotonic()
        assert complete("reelgate videos show ") == {}
        assert time.monotonic() - begun < 30
    monkeypatch.setenv("REELGATE_PORT", "eighty")
    assert complete("reelgate videos show ") == {}
    assert "grok-imagine-video" in complete("reelgate generate x -m ")
    assert not (tmp_path / "data").exists()
    del run


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_given_a_script(run: Run, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    del run
    result = CliRunner().invoke(cli, env={"_REELGATE_COMPLETE": f"source_{shell}"}, prog_name="reelgate")
    assert f"complete_{shell}" in result.stdout


def test_the_help_loads_neither_the_gateway_nor_its_client() -> None:
    heavy = ("httpx", "fastapi", "sqlalchemy", "pydantic", "av", "app.main", "app.config", "structlog")
    script = f"import sys, app.cli; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
