"""Videos that are followed to their end: what may happen to the gateway, or at a provider, meanwhile."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.waiting import until
from tests.cli.commands import told
from tests.cli.cutting import cutting
from tests.cli.screen import screen
from tests.failover.system import System
from tests.serving import serve, settings_for
from tests.upstreams import xai
from tests.upstreams.behaviour import Rule, fail

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

    from tests.api.waiting import Waits
    from tests.cli.conftest import Run

NO_DATABASE = (
    b'{"error": {"message": "No database.", "type": "server_error", "param": null, "code": "storage_unavailable"}}'
)


def http(status: str, body: bytes, *headers: str) -> bytes:
    """Write an answer as it goes over the wire."""
    return "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", "")).encode() + body


def meanwhile(run: Run, *args: str) -> tuple[threading.Thread, list[Result]]:
    """Run a command in a thread; the list has its result once that has ended."""
    results: list[Result] = []
    thread = threading.Thread(target=lambda: results.append(run(*args)))
    thread.start()
    return thread, results


def test_a_gateway_that_goes_away_for_a_moment_is_waited_for(run: Run, slow: Waits) -> None:
    video_id = slow.create()
    with cutting(slow.gateway.url, f"GET /v1/videos/{video_id}?wait".encode(), times=2) as proxy:
        results = []
        watch = ("videos", "watch", video_id, "--json", "--base-url", proxy.url)
        thread = threading.Thread(target=lambda: results.append(run(*watch)))
        thread.start()
        until(lambda: proxy.cut == 2)
        slow.end_all()
        thread.join(60)
    (result,) = results
    assert (result.exit_code, json.loads(result.stdout)["status"]) == (0, "completed")


def test_a_gateway_that_stays_away_is_said_to_be_gone_with_the_way_back(
    run: Run, slow: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.cli.follow._PATIENCE", 0)
    video_id = slow.create()
    with cutting(slow.gateway.url, f"GET /v1/videos/{video_id}?wait".encode(), times=99) as proxy:
        result = run("videos", "watch", video_id, "--json", "--base-url", proxy.url)
    assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (3, "gateway_unreachable")
    assert "the gateway did not answer for 0 s" in result.stderr
    assert f"reelgate videos watch {video_id}" in result.stderr


@pytest.mark.parametrize(
    "answer",
    [
        http("502 Bad Gateway", b"<h1>502 Bad Gateway</h1>", "Content-Type: text/html"),
        http("503 Service Unavailable", NO_DATABASE, "Retry-After: 1"),
        http("429 Too Many Requests", b"", "Retry-After: 1"),
        http("500 Internal Server Error", b""),
    ],
    ids=["502", "503", "429", "500"],
)
def test_a_gateway_that_cannot_answer_for_a_moment_is_waited_for_like_one_that_is_away(
    run: Run, slow: Waits, answer: bytes
) -> None:
    with cutting(slow.gateway.url, b"GET /v1/videos/", times=2, instead=answer) as proxy:
        thread, results = meanwhile(run, "generate", "a boat", "--json", "--base-url", proxy.url)
        until(lambda: proxy.cut == 2)
        slow.end_all()
        thread.join(60)
    (result,) = results
    assert (result.exit_code, json.loads(result.stdout)["status"]) == (0, "completed"), result.output
    assert [line for line in told(result) if "trying on" in line] != []
    assert slow.fake.ledger.arrivals["submit"] == 1


def test_a_pause_that_a_refusal_asks_for_is_kept(run: Run, slow: Waits, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        slow.end_all()

    video_id = slow.create()
    monkeypatch.setattr("app.cli.follow.time.sleep", pause)
    busy = http("429 Too Many Requests", b"", "Retry-After: 17")
    with cutting(slow.gateway.url, f"GET /v1/videos/{video_id}?wait".encode(), times=1, instead=busy) as proxy:
        assert run("videos", "watch", video_id, "--base-url", proxy.url).exit_code == 0
    assert 17 in pauses


@pytest.mark.parametrize("command", ["generate", "videos watch"])
def test_a_gateway_that_cannot_answer_for_long_is_given_up_with_the_id_and_no_status_of_a_failure(
    run: Run, slow: Waits, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("app.cli.follow._PATIENCE", 0)
    argument = slow.create() if command == "videos watch" else "a boat"
    broken = http("503 Service Unavailable", NO_DATABASE)
    watched = f"GET /v1/videos/{argument}?wait" if command == "videos watch" else "GET /v1/videos/"
    with cutting(slow.gateway.url, watched.encode(), times=99, instead=broken) as proxy:
        result = run(*command.split(), argument, "--json", "--base-url", proxy.url)
    (video_id, *_) = (video["id"] for video in slow.gateway.http.get("/v1/videos").json()["data"])
    error: dict[str, Any] = json.loads(result.stdout)["error"]
    assert (result.exit_code, error["code"], error["video_id"]) == (3, "gateway_unreachable", video_id)
    assert "No database" in result.stderr
    assert f"the video goes on: see `reelgate videos show {video_id}`" in result.stderr
    assert slow.get(video_id)["status"] in ("queued", "in_progress")


def test_a_video_whose_file_does_not_come_is_not_taken_for_one_that_failed(run: Run, slow: Waits) -> None:
    video_id = slow.create()
    slow.end_all()
    until(lambda: slow.get(video_id)["status"] == "completed")
    broken = http("503 Service Unavailable", NO_DATABASE)
    for instead in (broken, b""):
        with cutting(
            slow.gateway.url, f"GET /v1/videos/{video_id}/content".encode(), times=9, instead=instead
        ) as proxy:
            result = run("videos", "watch", video_id, "-o", "it.mp4", "--json", "--base-url", proxy.url)
        error = json.loads(result.stdout)["error"]
        assert (result.exit_code, error["code"], error["video_id"]) == (3, "gateway_unreachable", video_id)
        assert f"the gateway has it: `reelgate videos download {video_id}`" in result.stderr


def test_a_refusal_while_a_video_is_followed_names_the_video(run: Run, slow: Waits) -> None:
    video_id = slow.create()
    refusal = http("401 Unauthorized", NO_DATABASE.replace(b"storage_unavailable", b"invalid_api_key"))
    with cutting(slow.gateway.url, f"GET /v1/videos/{video_id}?wait".encode(), times=9, instead=refusal) as proxy:
        result = run("videos", "watch", video_id, "--json", "--base-url", proxy.url)
    error = json.loads(result.stdout)["error"]
    assert (result.exit_code, error["code"], error["video_id"]) == (1, "invalid_api_key", video_id)


def test_why_a_video_waits_and_who_makes_it_instead_is_said_once(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        system = System(tmp_path / "served", stack, monkeypatch)
        system.start(providers=("xai", "fal"))
        system.misbehave("xai", Rule(on="job", do=fail(error_type="internal_error", error="Sorry, \x1b[31mno.")))
        monkeypatch.setenv("REELGATE_BASE_URL", system.gateway.url)
        result = run("generate", "a boat", "--seconds", "1", "--resolution", "480p")
    assert result.exit_code == 0, result.output
    notes = [line for line in told(result) if line.startswith("note: ")]
    assert len([line for line in notes if "xai failed: " in line]) == 1, result.output
    assert len([line for line in notes if "makes it now" in line]) == 1, result.output
    assert "\x1b" not in result.output


def test_a_provider_that_nobody_reaches_is_named_while_the_video_waits_for_it(tmp_path: Path, unused_port: int) -> None:
    nowhere = f"http://127.0.0.1:{unused_port}/v1"
    with (
        serve(settings_for(tmp_path / "served", XAI_API_KEY=xai.KEY, xai_url=nowhere)) as gateway,
        screen(tmp_path, "generate", "a boat", "--base-url", gateway.url) as shown,
    ):
        shown.wait_for("note: xai unavailable: ")
        shown.interrupt()
        shown.wait_for("[y/N]")
        shown.type("y\n")
        assert shown.finish() == 130
