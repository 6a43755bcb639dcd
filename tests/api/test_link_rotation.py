"""Replacing the secret that signs links to media: by the API and at the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from typer.testing import CliRunner

from app.cli import cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.serving import Running

ADMIN_KEY = "an-admin-key-of-the-rotation-tests"


@pytest.fixture
def gateway(start_gateway: Callable[..., Running]) -> Running:
    running = start_gateway(admin_key=ADMIN_KEY)
    running.http.headers["authorization"] = f"Bearer {ADMIN_KEY}"
    return running


def opened(link: str) -> bool:
    """Follow a link without any key."""
    status = httpx.head(link, trust_env=False, timeout=60).status_code
    assert status in (200, 401)
    return status == 200


def test_links_that_are_out_there_outlive_a_rotation_unless_they_are_not_to(
    gateway: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    video = gateway.finished()
    path = f"/v1/videos/{video['id']}"
    done = gateway.http.post("/v1/links/rotate").json()
    assert done["previous_expires_at"] - done["used_from"] == 25 * 3600
    second = gateway.http.get(path).json()["url"]
    assert opened(video["url"])
    assert opened(second)

    gateway.http.post("/v1/links/rotate", json={"grace_seconds": 0}).raise_for_status()
    assert not opened(video["url"])
    assert not opened(second)
    assert '"action": "links.rotate", "who": "admin", "target": "links", "grace_seconds": 0.0' in capfd.readouterr().err


def test_a_video_shows_links_that_open_from_a_rotation_on(gateway: Running) -> None:
    path = f"/v1/videos/{gateway.finished()['id']}"
    gateway.http.get(path)
    gateway.http.post("/v1/links/rotate", json={"grace_seconds": 0}).raise_for_status()
    assert opened(gateway.http.get(path).json()["url"])


@pytest.mark.parametrize("grace", [-1, 25 * 3600 + 1, "soon", "60", False, None])
def test_a_grace_that_is_no_length_of_time_is_refused(gateway: Running, grace: object) -> None:
    refused = gateway.http.post("/v1/links/rotate", json={"grace_seconds": grace})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "grace_seconds")


def test_only_an_admin_may_rotate(gateway: Running) -> None:
    key = gateway.http.post("/v1/keys", json={"name": "member"}).json()["key"]
    refused = gateway.http.post("/v1/links/rotate", headers={"authorization": f"Bearer {key}"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "permission_denied")


def test_the_command_rotates_in_the_running_gateway(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    video = gateway.finished()
    monkeypatch.setenv("REELGATE_ADMIN_KEY", ADMIN_KEY)
    done = CliRunner().invoke(cli, ["links", "rotate", "--grace", "0", "--base-url", gateway.url])
    assert done.exit_code == 0, done.output
    assert "links are signed anew from 20" in done.output
    assert not opened(video["url"])


def test_the_command_rotates_where_no_gateway_runs(
    start_gateway: Callable[..., Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_port: int
) -> None:
    monkeypatch.setenv("REELGATE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("REELGATE_PORT", str(unused_port))
    first = CliRunner().invoke(cli, ["links", "rotate"])
    assert first.exit_code == 0, first.output
    assert "those signed before are good until 20" in first.output
    assert opened(start_gateway().finished()["url"])
