"""Numbers of more digits than Python reads, 4,300, and ports beyond all: each is refused by the name of what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.processes import refused

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

UNREAD = "9" * 5000
READ = "9" * 4299  # and too long to be written once it was multiplied
SETTINGS = [
    *("PORT", "JOB_TIMEOUT_SECONDS", "LEASE_SECONDS", "POLL_SECONDS", "SETTLE_SECONDS"),
    *("MAX_BODY_MB", "MAX_VIDEO_MB", "MAX_FILES_MB", "RETENTION_DAYS", "REQUEST_LOG_DAYS"),
]
ADDRESSES = ["PUBLIC_URL", "FAL_QUEUE_URL", "FAL_REST_URL", "FAL_API_URL", "AIMLAPI_URL", "XAI_URL"]
digits = pytest.mark.parametrize("number", [UNREAD, READ], ids=len)
ports = pytest.mark.parametrize("port", [UNREAD, READ, "65536"], ids=len)


@digits
@pytest.mark.parametrize("option", ["--rpm", "--concurrent", "--budget"])
def test_no_limit_of_a_key_has_so_many_digits(run: Run, option: str, number: str) -> None:
    result = run("keys", "create", "worker", option, number)
    assert (result.exit_code, f"'{number[:40]}' is no " in " ".join(result.stderr.split())) == (2, True), result.stderr


@digits
@pytest.mark.parametrize(
    "command", [("keys", "create", "worker", "--expires"), ("usage", "--since"), ("requests", "--since")]
)
def test_no_time_has_so_many_digits(run: Run, command: tuple[str, ...], number: str) -> None:
    result = run(*command, f"{number}d")
    assert (result.exit_code, f"{command[-1]} {number[:40]}: expected a date" in result.stderr) == (1, True)


@digits
@pytest.mark.parametrize("name", SETTINGS)
def test_no_setting_has_so_many_digits(run: Run, name: str, number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"REELGATE_{name}", number)
    result = run("models")
    assert (result.exit_code, f"setting REELGATE_{name}: " in result.stderr) == (1, True), result.output


@ports
@pytest.mark.parametrize("name", ADDRESSES)
def test_no_address_in_a_setting_has_such_a_port(
    run: Run, name: str, port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"REELGATE_{name}", f"https://video.example.com:{port}")
    result = run("models")
    assert (result.exit_code, f"setting REELGATE_{name}: " in result.stderr) == (1, True), result.output
    assert "expected a URL such as https://" in result.stderr


@ports
def test_no_gateway_has_such_a_port(run: Run, port: str) -> None:
    result = run("models", "--base-url", f"http://127.0.0.1:{port}")
    assert (result.exit_code, f"cannot reach http://127.0.0.1:{port}" in result.stderr) == (3, True), result.output


@ports
@pytest.mark.parametrize(
    ("setting", "more"),
    [
        ("REELGATE_DATABASE_URL", {"REELGATE_DATABASE_URL": "postgresql+asyncpg://someone:word@127.0.0.1:{}/reelgate"}),
        ("REELGATE_MEDIA_URL", {"REELGATE_MEDIA_URL": "s3://bucket", "AWS_ENDPOINT_URL": "http://127.0.0.1:{}"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_server_of_ours_has_such_a_port(tmp_path: Path, setting: str, more: dict[str, str], port: str) -> None:
    said = refused(tmp_path, **{name: value.format(port) for name, value in more.items()})
    assert setting in said
    assert "expected postgresql+asyncpg://" in said or "AWS_ENDPOINT_URL is no URL such as https://" in said
    assert len(said.splitlines()) == 1
