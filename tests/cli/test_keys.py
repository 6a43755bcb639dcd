"""`reelgate keys` and `models`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from app.config import Settings
from app.startup import lock
from tests.cli.processes import served

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


def test_keys_are_made_listed_and_revoked_while_no_gateway_runs(run: Run) -> None:
    secret = run("keys", "create", "ci", "--admin").stdout.strip()
    assert secret.startswith("rg_")
    listed = run("keys", "list").output
    assert secret[:10] in listed
    assert secret not in listed
    key_id = listed.split()[0]
    assert run("keys", "revoke", key_id).exit_code == 0
    assert "revoked 20" in run("keys", "list").output
    again = run("keys", "revoke", key_id)
    assert (again.exit_code, "not found" in again.output) == (1, True)


def test_a_key_may_be_revoked_with_what_it_ordered(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = []
    for _ in range(2):
        run("keys", "create", "ci", "--admin")
        ids.append(run("keys", "list").output.split()[0])
    assert f"revoked {ids[0]} and cancelled 0 of its videos" in run("keys", "revoke", ids[0], "--cancel").output
    assert f"revoked {ids[0]} and cancelled 0" in run("keys", "revoke", ids[0], "--cancel").output
    assert run("keys", "revoke", "key_none", "--cancel").exit_code == 1
    monkeypatch.setenv("REELGATE_API_KEY", run("keys", "create", "boss", "--admin").stdout.strip())
    with served(tmp_path) as gateway:
        monkeypatch.setenv("REELGATE_BASE_URL", gateway.url)
        assert f"revoked {ids[1]} and cancelled 0" in run("keys", "revoke", ids[1], "--cancel").output


def test_keys_are_managed_through_a_running_gateway(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(tmp_path) as gateway:
        monkeypatch.setenv("REELGATE_BASE_URL", gateway.url)
        admin = run("keys", "create", "boss", "--admin").output.strip()
        refused = run("keys", "list").output
        assert "No API key was given" in refused
        assert "Set REELGATE_API_KEY." in refused
        monkeypatch.setenv("REELGATE_API_KEY", admin)
        assert "boss" in run("keys", "list").output
        made = run("keys", "create", "worker")
        member = made.stdout.strip()
        assert not made.stderr
        monkeypatch.setenv("REELGATE_API_KEY", member)
        assert "needs an admin key" in run("keys", "list").output


def test_a_gateway_on_another_port_is_found_by_its_data_folder(run: Run, tmp_path: Path) -> None:
    with served(tmp_path):
        assert run("keys", "create", "boss", "--admin").exit_code == 0
        assert "No API key was given" in run("keys", "list").output
    assert "boss" in run("keys", "list").output


def test_a_busy_data_folder_whose_holder_gives_no_address_asks_for_it(run: Run) -> None:
    with lock(Settings()):
        result = run("keys", "list")
    assert result.exit_code == 1
    assert "--base-url" in result.output


def test_a_first_key_that_cannot_manage_keys_is_refused_and_the_gateway_stays_open(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(tmp_path) as gateway:
        online = run("keys", "create", "laptop")
        assert httpx.get(f"{gateway.url}/v1/keys", timeout=60).json()["data"] == []
    offline = run("keys", "create", "laptop", "--role", "reader")
    for refused in (online, offline):
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert "there would be no admin key" in refused.stderr
        assert "`reelgate keys create NAME --admin`" in refused.stderr
    with monkeypatch.context() as patch:
        patch.setenv("REELGATE_ADMIN_KEY", "a-long-enough-admin-key-for-tests")
        assert run("keys", "create", "laptop").exit_code == 0
    assert run("keys", "create", "desk").exit_code == 1, "the variable is gone, and its key with it"
    for made in (run("keys", "create", "ops", "--admin"), run("keys", "create", "desk")):
        assert made.stdout.startswith("rg_")
        assert len(made.stdout.split()) == 1


def test_the_key_and_the_address_may_stand_in_a_file(run: Run, tmp_path: Path) -> None:
    admin = "a-long-enough-admin-key-for-tests"
    (tmp_path / "served").mkdir()
    with served(tmp_path / "served", REELGATE_ADMIN_KEY=admin) as gateway:
        (tmp_path / ".env").write_text(f"REELGATE_BASE_URL={gateway.url}\nREELGATE_ADMIN_KEY={admin}\n")
        member = run("keys", "create", "worker").stdout.strip()
        assert "worker" in run("keys", "list").output
        (tmp_path / ".env").write_text(f"REELGATE_BASE_URL={gateway.url}\nREELGATE_API_KEY={member}\n")
        assert "needs an admin key" in run("keys", "list").output


LIMITS = ("--budget", "25", "--per", "month", "--rpm", "60", "--concurrent", "4", "--provider", "local")
SHOWN = ("$0 of $25 per month", "60 requests per minute", "4 at a time", "providers local")


def limit_and_rotate(run: Run) -> None:
    """Go through what can be set of a key, and take it away again."""
    made = run("keys", "create", "worker", "--role", "reader", "--expires", "30d", "--model", "sora-2", *LIMITS)
    assert made.exit_code == 0, made.output
    listed = next(line for line in run("keys", "list").output.splitlines() if line.endswith("worker"))
    assert all(text in listed for text in (*SHOWN, "reader", "expires 20", "models "))
    key_id = listed.split()[0]
    gone = ("--budget", "none", "--rpm", "none", "--provider", "none", "--expires", "none", "--model", "none")
    changed = run("keys", "update", key_id, "--name", "renamed", "--role", "member", *gone).stdout
    assert changed.startswith(key_id)
    assert "renamed" in changed
    assert "4 at a time" in changed
    assert not any(text in changed for text in ("$", "minute", "providers", "models", "expires", "reader"))
    rotated = run("keys", "rotate", key_id, "--grace", "60").stdout.strip()
    assert rotated.startswith("rg_")
    assert rotated[:10] in run("keys", "list").output
    for wrong, said in (
        (("--provider", "fax"), "Unknown provider"),
        (("--model", "nothing"), "not found"),
        (("--expires", "soon"), "expected a date"),
        (("--expires", "2020-01-31"), "lies in the past"),
        ((), "nothing to change"),
    ):
        result = run("keys", "update", key_id, *wrong)
        assert (result.exit_code, said in result.output) == (1, True), result.output
    assert run("keys", "rotate", "key_none").exit_code == 1


def test_keys_are_limited_and_rotated_while_no_gateway_runs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELGATE_ADMIN_KEY", "a-long-enough-admin-key-for-tests")
    limit_and_rotate(run)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--per", "day"), "name that, too, with --budget"),
        (("--per", "day", "--budget", "none"), "name that, too, with --budget"),
        (("--budget", "much"), "'much' is no amount: expected dollars, such as 25"),
        (("--budget", "-1"), "'-1' is no amount"),
        (("--budget", "nan"), "'nan' is no amount"),
        (("--rpm", "1.5"), "'1.5' is no count: expected a whole number from 1"),
        (("--concurrent", "0"), "'0' is no count"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused_by_the_name_of_its_option(
    run: Run, wrong: tuple[str, ...], said: str
) -> None:
    result = run("keys", "create", "bad", "--admin", *wrong)
    text = " ".join(result.stderr.replace("\u2502", " ").split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"Invalid value for {wrong[0]}: " in text.replace("'--", "--").replace("': ", ": ")
    assert said in text
    assert "no keys" in run("keys", "list").stderr


def test_keys_are_limited_and_rotated_through_a_running_gateway(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = "a-long-enough-admin-key-for-tests"
    with served(tmp_path, REELGATE_ADMIN_KEY=admin) as gateway:
        monkeypatch.setenv("REELGATE_BASE_URL", gateway.url)
        monkeypatch.setenv("REELGATE_API_KEY", admin)
        limit_and_rotate(run)


def test_models_are_listed_with_modes_and_prices(run: Run) -> None:
    text = run("models").output
    assert "grok-imagine-video-1.5-lite" in text
    assert "reference-to-video" in text
    assert "fal: 480p 0.05, 720p 0.07" in text
