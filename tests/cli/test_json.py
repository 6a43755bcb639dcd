"""Every command that prints data prints it as one JSON document, too: asked for, and where it fails."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.cli.commands import commands, told
from tests.serving import serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Run

ADMIN = "a-long-enough-admin-key-for-tests"
WITHOUT_DATA = {"serve", "worker"}  # they print a greeting, and then their log
SHORT = ("--seconds", "1", "--resolution", "480p")
ARGUMENTS = {
    "generate": ("a boat", "--dry-run"),
    "videos show": ("VIDEO",),
    "videos watch": ("VIDEO",),
    "videos download": ("VIDEO",),
    "videos cancel": ("VIDEO",),
    "videos delete": ("VIDEO",),
    "keys create": ("ci",),
    "keys update": ("KEY", "--rpm", "5"),
    "keys rotate": ("KEY",),
    "keys revoke": ("KEY",),
    "submissions show": ("sub_1",),
    "submissions resolve": ("sub_1", "--not-charged"),
}
FAILING = {"submissions show", "submissions resolve"}  # there is none; tests/cli/test_submissions.py has some
DATA = sorted(set(commands()) - WITHOUT_DATA)


def test_every_command_with_data_has_the_option() -> None:
    assert [name for name, command in commands().items() if "--json" not in command] == sorted(WITHOUT_DATA)
    assert set(ARGUMENTS) < set(DATA)


def test_every_command_prints_one_json_document(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(settings_for(tmp_path / "served", admin_key=ADMIN)) as gateway:
        monkeypatch.setenv("REELGATE_BASE_URL", gateway.url)
        monkeypatch.setenv("REELGATE_API_KEY", ADMIN)
        made = json.loads(run("generate", "a boat", "--json", *SHORT).stdout)
        key = json.loads(run("keys", "create", "first", "--json").stdout)
        ids = {"VIDEO": made["id"], "KEY": key["id"]}
        for name in sorted(DATA, key=lambda each: each.endswith(("delete", "revoke"))):
            result = run(*name.split(), *(ids.get(word, word) for word in ARGUMENTS.get(name, ())), "--json")
            document = json.loads(result.stdout)
            assert isinstance(document, dict), name
            assert ("error" in document and "object" not in document) == (name in FAILING), (name, result.output)
            assert result.exit_code == (name in FAILING), (name, result.output)


@pytest.mark.parametrize("name", sorted(set(DATA) - {"doctor"}))
def test_every_command_says_as_json_that_there_is_no_gateway(run: Run, unused_port: int, name: str) -> None:
    result = run(*name.split(), *ARGUMENTS.get(name, ()), "--json", "--base-url", f"http://127.0.0.1:{unused_port}")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["error"]["code"] == "gateway_unreachable"
    assert told(result)[0].startswith("error: cannot reach http://127.0.0.1:")


@pytest.mark.parametrize(
    ("key", "code", "hint"),
    [("", "missing_api_key", "Set"), ("rg_wrong", "invalid_api_key", "Correct"), ("MEMBER", "permission_denied", "")],
)
def test_a_refusal_is_said_in_the_gateways_words(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, code: str, hint: str
) -> None:
    with serve(settings_for(tmp_path / "served", admin_key=ADMIN)) as gateway:
        monkeypatch.setenv("REELGATE_BASE_URL", gateway.url)
        monkeypatch.setenv("REELGATE_API_KEY", ADMIN)
        member = run("keys", "create", "laptop").stdout.strip()
        monkeypatch.setenv("REELGATE_API_KEY", member if key == "MEMBER" else key)
        result = run("keys", "list", "--json")
        assert result.exit_code == 1
        error = json.loads(result.stdout)["error"]
        assert (error["code"], set(error)) == (code, {"message", "type", "param", "code"})
        assert told(result)[0].startswith(f"error: {error['message']} ({code})")
        assert told(result)[0].endswith(f"({code}) {hint} REELGATE_API_KEY." if hint else f"({code})")


@contextmanager
def something_else(status: int, **headers: str) -> Iterator[str]:
    """Serve what is no gateway."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(b"<h1>Welcome</h1>")

        do_POST = do_GET  # noqa: N815 - the base's own name

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("status", [200, 404])
def test_what_is_no_gateway_is_named_rather_than_shown(run: Run, status: int) -> None:
    with something_else(status) as url:
        result = run("videos", "list", "--json", "--base-url", url)
    assert result.exit_code == 3
    assert json.loads(result.stdout)["error"]["code"] == "not_a_gateway"
    assert url in result.stderr


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, [1, 2, 4]),
        ({"Retry_After": "7"}, [7, 7, 7]),
        ({"Retry_After": "99999"}, [60, 60, 60]),
        ({"Retry_After": "Fri, 20 Nov 2026 15:00:00 GMT"}, [1, 2, 4]),
        ({"x_should_retry": "false"}, []),
    ],
)
def test_a_refusal_for_the_moment_is_waited_out_as_long_as_it_says(
    run: Run, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], expected: list[float]
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("app.cli.order.time.sleep", pauses.append)
    with something_else(503, **headers) as url:
        result = run("generate", "a boat", "--base-url", url)
    assert (result.exit_code, pauses) == (3, expected)


def test_a_wrong_setting_and_a_wrong_option_are_told_apart(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = run("videos", "list", "--limit", "many", "--json")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    monkeypatch.setenv("REELGATE_PORT", "eighty")
    result = run("videos", "list", "--json")
    assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (1, "wrong_setting")


def test_what_went_before_does_not_make_json_of_it(run: Run) -> None:
    run("submissions", "show", "sub_1", "--json")
    assert run("submissions", "show", "sub_1").stdout == ""


@pytest.mark.parametrize("key", ["schlüssel-der-niemandem-passt", "rg_two\nlines-of-it"])
def test_a_key_that_no_header_can_have_is_not_shown(run: Run, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("REELGATE_API_KEY", key)
    result = run("videos", "list", "--json", "--base-url", "http://127.0.0.1:9")
    assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (1, "wrong_setting")
    assert key[:8] not in result.output


@pytest.mark.parametrize(
    "command",
    [
        ("videos", "show"),
        ("videos", "delete"),
        ("keys", "revoke"),
        ("submissions", "show"),
        ("generate", "x", "--remix"),
    ],
)
def test_what_is_no_id_reaches_no_other_address(run: Run, command: tuple[str, ...]) -> None:
    for text in ("../keys", "..", "a/b", "x?y"):
        result = run(*command, text, "--base-url", "http://127.0.0.1:9")
        assert (result.exit_code, "is no id" in result.stderr) == (2, True), result.output
