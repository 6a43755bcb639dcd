"""`reelgate serve` as a process: what it prints, and when it must not start."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest

from app.cli.serve import listen
from tests.cli.processes import refused, served

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


def test_it_says_where_it_listens_and_what_to_paste(tmp_path: Path) -> None:
    with served(tmp_path) as gateway:
        assert f"Reelgate listens on {gateway.url}/v1" in gateway.greeting
        assert "local (Local preview (no AI))" in gateway.greeting
        assert "open: no API key is needed" in gateway.greeting
        assert f"dashboard  {gateway.url}\n" in gateway.greeting
        assert '  reelgate generate "a lighthouse in a storm" -o storm.mp4\n' in gateway.greeting
        assert "curl -s" in gateway.greeting
        assert httpx.get(f"{gateway.url}/readyz", timeout=60).json()["status"] == "ok"


def test_in_a_folder_of_its_own_it_says_by_which_address_to_find_it(tmp_path: Path) -> None:
    with served(tmp_path, REELGATE_DATA_DIR="elsewhere") as gateway:
        assert f"-o storm.mp4 --base-url {gateway.url}\n" in gateway.greeting


def test_it_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    with served(tmp_path) as gateway:
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(timeout=60) == 0


def test_no_part_of_an_answer_waits_until_the_client_has_acknowledged_another() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_connection_that_idles_is_the_clients_to_close(tmp_path: Path) -> None:
    with served(tmp_path) as gateway, closing(HTTPConnection(urlsplit(gateway.url).netloc, timeout=30)) as client:
        for pause in (6.0, 0.0):  # seconds: many clients use one again that has idled for just under five
            client.request("GET", "/healthz")
            assert client.getresponse().read()
            time.sleep(pause)


def test_a_library_that_cannot_be_loaded_is_shown_as_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "structlog.py").write_text("raise RuntimeError('a library is broken')")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), "REELGATE_PORT": "0"}
    asked = [sys.executable, "-P", "-m", "app", "serve"]
    done = subprocess.run(asked, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert "a library is broken" in done.stderr
    assert "excepthook" not in done.stderr


def test_a_public_address_without_a_key_is_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, REELGATE_HOST="0.0.0.0")  # noqa: S104 - the point of the test
    assert "0.0.0.0 can be reached from other machines, and there is no API key" in said
    assert "REELGATE_AUTH=off" in said


def test_an_unknown_provider_is_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, REELGATE_PROVIDERS="fall")
    assert "REELGATE_PROVIDERS names 'fall'; this version has: fal, aimlapi, xai, local" in said


def test_a_provider_without_its_key_is_refused_with_the_name_of_the_key(tmp_path: Path) -> None:
    said = refused(tmp_path, REELGATE_PROVIDERS="xai,local")
    assert "REELGATE_PROVIDERS names 'xai', which has no key: set XAI_API_KEY" in said


def test_a_mistake_in_the_operators_catalogue_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text('[aliases]\nfast = "grok-imagine-video"\nslow = "no-such-model"\n')
    said = refused(tmp_path, REELGATE_CATALOGUE=str(path))
    assert "models.toml" in said
    assert "line 3" in said


def test_a_default_model_that_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    assert "REELGATE_DEFAULT_MODEL: Model 'nope' not found" in refused(tmp_path, REELGATE_DEFAULT_MODEL="nope")


def test_a_data_folder_that_cannot_be_made_is_refused_in_one_line(tmp_path: Path) -> None:
    said = refused(tmp_path, REELGATE_DATA_DIR="/proc/x")
    assert "/proc/x cannot be used" in said
    assert len(said.splitlines()) == 1


def test_empty_values_are_unset(tmp_path: Path) -> None:
    empty = ("REELGATE_ADMIN_KEY", "REELGATE_DATA_DIR", "REELGATE_POLL_SECONDS", "REELGATE_CATALOGUE", "FAL_KEY")
    with served(tmp_path, **dict.fromkeys(empty, "")) as gateway:
        assert "local (Local preview (no AI))" in gateway.greeting
        assert "open: no API key is needed" in gateway.greeting
        assert str(tmp_path / "data") in gateway.greeting


def test_unknown_variables_are_named_with_the_nearest_known_one(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("REELGATE_FAL_KEY=x\nUNRELATED=y\nREELGATE_API_KEY=z\n")
    said = refused(tmp_path, REELGATE_PROVIDER="local", REELGATE_DEFAULT_MODEL="nope")
    assert [line for line in said.splitlines() if "warning" in line] == [
        "warning: REELGATE_FAL_KEY is no setting; the nearest is FAL_KEY",
        "warning: REELGATE_PROVIDER is no setting; the nearest is REELGATE_PROVIDERS",
    ]


def test_a_second_gateway_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with served(tmp_path) as gateway:
        said = refused(tmp_path)
        assert f"Another gateway is using the data folder {tmp_path / 'data'}, at {gateway.url}." in said


def test_the_work_on_a_file_is_not_split(tmp_path: Path) -> None:
    assert "SQLite serves one process" in refused(tmp_path, "worker")


def test_a_port_in_use_is_named_with_the_setting_that_chooses_another(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(tmp_path, REELGATE_PORT=str(port))
    remedy = "Set REELGATE_PORT (or --port) to another; 0 takes a free one."
    assert said == f"error: cannot listen on 127.0.0.1:{port}: Address already in use. {remedy}\n"


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_that_is_not_of_this_machine_is_named_with_its_setting(tmp_path: Path, host: str) -> None:
    said = refused(tmp_path, REELGATE_HOST=host)
    assert f"cannot listen on {host}:0: " in said
    assert "Set REELGATE_HOST (or --host) to an address of this machine." in said
    assert "(while" not in said


@pytest.mark.parametrize(("auth", "status"), [("on", 401), ("off", 200)])
def test_an_admin_key_guards_the_gateway_unless_auth_is_off(tmp_path: Path, auth: str, status: int) -> None:
    key = "a-long-enough-admin-key-for-tests"
    with served(tmp_path, REELGATE_ADMIN_KEY=key, REELGATE_AUTH=auth) as gateway:
        assert httpx.get(f"{gateway.url}/v1/videos", timeout=60).status_code == status
        admin = {"Authorization": f"Bearer {key}"}
        assert httpx.get(f"{gateway.url}/v1/keys", headers=admin, timeout=60).status_code == 200


def test_the_help_teaches_every_command(run: Run) -> None:
    text = run("--help").output
    for command in ("serve", "generate", "models", "keys", "doctor"):
        assert command in text
        assert run(command, "--help").exit_code == 0
    assert run("--version").output.startswith("reelgate 0.")


def test_a_malformed_network_is_named(tmp_path: Path) -> None:
    assert "REELGATE_ALLOW_PRIVATE_NETWORKS" in refused(tmp_path, REELGATE_ALLOW_PRIVATE_NETWORKS="10.0.0.0/99")
