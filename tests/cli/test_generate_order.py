"""`reelgate generate`: price first, paid once, left or cancelled, and what it writes where."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.api.waiting import until
from tests.cli.commands import told
from tests.cli.cutting import cutting
from tests.cli.screen import screen
from tests.serving import Running, coverage_environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.api.waiting import Waits
    from tests.cli.conftest import Run

SHORT = ("--seconds", "1", "--resolution", "480p")


def made(gateway: Running) -> list[str]:
    """Return the ids of all videos there are, newest first."""
    return [video["id"] for video in gateway.http.get("/v1/videos?limit=100").json()["data"]]


def test_the_price_and_the_changes_are_said_before_anything_is_sent(run: Run, slow: Waits) -> None:
    result = run("generate", "a boat", "--dry-run", "--size", "1024x1024", "--seconds", "4", "-n", "2")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert told(result) == [
        "note: size 1024x1024 is not offered by this model; used 720x720.",
        "grok-imagine-video by xai: 2 times 720x720, 4 s, for $0.56",
    ]
    estimate = json.loads(run("generate", "a boat", "--dry-run", "--json", "--seconds", "4").stdout)
    assert (estimate["estimated"], estimate["total_cost_micros"]) == (True, 280_000)
    assert made(slow.gateway) == []


def test_a_strict_request_is_refused_rather_than_converted(run: Run, gateway: Running) -> None:
    result = run("generate", "a boat", "--strict", "--size", "1024x1024", "--base-url", gateway.url, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["code"] == "unsupported_value"
    assert "error: " in result.stderr


def test_with_json_stdout_has_the_video_and_its_files_and_nothing_else(
    run: Run, tmp_path: Path, gateway: Running
) -> None:
    result = run("generate", "a boat", "--json", "-n", "2", "--base-url", gateway.url, *SHORT)
    assert result.exit_code == 0, result.output
    video = json.loads(result.stdout)
    assert (video["status"], video["n"]) == ("completed", 2)
    for index, file in enumerate(video["files"]):
        path = tmp_path / f"a-boat-{index}.mp4"
        assert file == {"index": index, "path": path.name, "size_bytes": path.stat().st_size}
    assert "saved" not in result.output


def test_without_waiting_the_id_is_printed_and_the_same_idempotency_key_gives_it_again(run: Run, slow: Waits) -> None:
    once = ("generate", "a boat", "--no-wait", "--idempotency-key", "mine")
    video_id = run(*once).stdout.strip()
    assert made(slow.gateway) == [video_id]
    again = run(*once)
    assert again.stdout.strip() == video_id
    assert "sent before under the same idempotency key" in again.stderr
    assert made(slow.gateway) == [video_id]
    other = run("generate", "a ship", "--no-wait", "--idempotency-key", "mine", "--json")
    assert (other.exit_code, json.loads(other.stdout)["error"]["code"]) == (1, "idempotency_mismatch")


def test_not_to_wait_needs_a_gateway_that_goes_on(run: Run, tmp_path: Path) -> None:
    result = run("generate", "a boat", "--no-wait")
    assert (result.exit_code, "reelgate serve" in result.stderr) == (1, True)
    assert not (tmp_path / "data").exists()


def test_an_answer_that_is_lost_is_asked_for_again_and_nothing_is_made_twice(
    run: Run, slow: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.cli.order.time.sleep", lambda _seconds: None)
    with cutting(slow.gateway.url, b"POST /v1/videos HTTP", times=2) as proxy:
        result = run("generate", "a boat", "--no-wait", "--base-url", proxy.url)
    assert result.exit_code == 0, result.output
    assert proxy.cut == 2
    assert made(slow.gateway) == [result.stdout.strip()]
    assert "Trying again" in result.stderr


def test_where_no_answer_comes_the_key_that_makes_another_try_harmless_is_said(
    run: Run, slow: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.cli.order.time.sleep", lambda _seconds: None)
    with cutting(slow.gateway.url, b"POST /v1/videos HTTP", times=9) as proxy:
        result = run("generate", "a boat", "--no-wait", "--base-url", proxy.url)
    assert result.exit_code == 3
    key = result.stderr.partition("--idempotency-key ")[2].split()[0]
    assert run("generate", "a boat", "--no-wait", "--idempotency-key", key).stdout.strip() in made(slow.gateway)
    assert len(made(slow.gateway)) == 1


def test_who_interrupts_the_sending_is_told_how_to_try_again_harmlessly(run: Run, tmp_path: Path, slow: Waits) -> None:
    with (
        cutting(slow.gateway.url, b"POST /v1/videos HTTP", times=9) as proxy,
        screen(tmp_path, "generate", "a boat", "--base-url", proxy.url) as shown,
    ):
        shown.wait_for("Trying again in 2 s.")
        shown.interrupt()
        assert shown.finish() == 130, shown.text
    assert "interrupted while it was sent. It may have arrived" in shown.text
    key = shown.text.partition("--idempotency-key ")[2].split()[0]
    again = run("generate", "a boat", "--no-wait", "--idempotency-key", key)
    assert made(slow.gateway) == [again.stdout.strip()]


def test_nothing_is_sent_where_the_result_could_not_be_written(run: Run, tmp_path: Path, slow: Waits) -> None:
    (tmp_path / "file").touch()
    for target in ("missing/boat.mp4", "file/boat.mp4", f"{'x' * 250}.mp4"):
        result = run("generate", "a boat", "-o", target)
        assert (result.exit_code, f"cannot write {target}" in result.stderr) == (1, True)
    assert made(slow.gateway) == []


def test_no_video_takes_the_place_of_another_unless_its_file_is_named(
    run: Run, tmp_path: Path, gateway: Running
) -> None:
    at = ("--base-url", gateway.url, *SHORT)
    for name in ("a-boat.mp4", "a-boat-2.mp4"):
        assert f"saved {name} " in run("generate", "a boat", *at).stdout
    (tmp_path / "clips").mkdir()
    assert "saved clips/a-boat.mp4 " in run("generate", "a boat", "-o", "clips", *at).stdout
    before = (tmp_path / "a-boat.mp4").read_bytes()
    assert run("generate", "a ship", "-o", "a-boat.mp4", *at).exit_code == 0
    assert (tmp_path / "a-boat.mp4").read_bytes() != before
    assert not list(tmp_path.rglob("*.part"))


def test_every_mode_and_every_kind_of_input_can_be_asked_for(run: Run, tmp_path: Path, gateway: Running) -> None:
    Image.new("RGB", (320, 320), "red").save(tmp_path / "red.png")
    with (tmp_path / "red.png").open("rb") as image:
        uploaded = gateway.http.post("/v1/files", files={"file": image}, data={"purpose": "vision"}).json()["id"]
    source = gateway.finished(seconds=2)
    link = f"{gateway.url}/v1/videos/{source['id']}/content?{source['url'].partition('?')[2]}"
    for options, mode in (
        ((), "text-to-video"),
        (("--image", "red.png"), "image-to-video"),
        (("--image", uploaded), "image-to-video"),
        (("--image", "red.png", "--image", uploaded), "reference-to-video"),
        (("--reference", "red.png"), "reference-to-video"),
        (("--video", source["id"]), "edit"),
        (("--video", link), "edit"),
        (("--remix", source["id"]), "edit"),
        (("--video", source["id"], "--extend"), "extend"),
    ):
        result = run("generate", "x", "--no-wait", "--json", "--base-url", gateway.url, *options, "--set", "seed=7")
        assert result.exit_code == 0, (options, result.output)
        video = json.loads(result.stdout)
        shown = json.loads(run("videos", "show", video["id"], "--json", "--base-url", gateway.url).stdout)
        gateway.http.post(f"/v1/videos/{video['id']}/cancel")
        assert shown["mode"] == mode, options
        assert shown["remixed_from_video_id"] == (source["id"] if "--remix" in options else None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--image", "gone.png"), "--image gone.png: there is no such file"),
        (("--set", "seed"), "--set seed: expected NAME=VALUE"),
        (("--remix", "video_1", "--video", "video_2"), "--remix takes no other input"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(run: Run, options: tuple[str, ...], said: str) -> None:
    result = run("generate", "a boat", *options)
    assert (result.exit_code, said in result.stderr) == (1, True), result.output


def test_a_limit_of_requests_per_minute_is_waited_out(
    run: Run, monkeypatch: pytest.MonkeyPatch, start_gateway: Callable[..., Running]
) -> None:
    admin = "a-long-enough-admin-key-for-tests"
    gateway = start_gateway(admin_key=admin)
    made = gateway.http.post(
        "/v1/keys", json={"name": "slow", "requests_per_minute": 1}, headers={"Authorization": f"Bearer {admin}"}
    )
    monkeypatch.setenv("REELGATE_API_KEY", made.json()["key"])
    pauses: list[float] = []
    monkeypatch.setattr("app.cli.order.time.sleep", pauses.append)
    result = run("generate", "a boat", "--no-wait", "--base-url", gateway.url)
    assert all(0 < pause <= 60 for pause in pauses)
    assert len(pauses) == 3
    assert (result.exit_code, "rate_limit_exceeded" in result.stderr) == (1, True)


def test_what_is_dear_is_sent_only_if_the_person_at_the_terminal_says_so(tmp_path: Path, slow: Waits) -> None:
    dear = ("generate", "a boat", "--seconds", "15", "-n", "2", "--no-wait", "--base-url", slow.gateway.url)
    with screen(tmp_path, *dear) as shown:
        shown.wait_for("Send it? [y/N]")
        assert "for $2.1" in shown.text
        shown.type("n\n")
        assert shown.finish() == 1
    assert "nothing was sent" in shown.text
    assert made(slow.gateway) == []
    with screen(tmp_path, *dear) as shown:
        shown.wait_for("Send it? [y/N]")
        shown.type("y\n")
        assert shown.finish() == 0
    for options in (("--yes",), ("--json",)):
        with screen(tmp_path, *dear, *options) as shown:
            assert shown.finish() == 0, shown.text
    assert len(made(slow.gateway)) == 3


def test_what_is_cheap_is_not_asked_about(tmp_path: Path, slow: Waits) -> None:
    with screen(tmp_path, "generate", "a boat", "--no-wait", "--base-url", slow.gateway.url) as shown:
        assert shown.finish() == 0, shown.text


@pytest.mark.parametrize("choice", ["y", "n", "Ctrl-C"])
def test_ctrl_c_leaves_the_video_running_or_cancels_it_as_the_person_says(
    tmp_path: Path, slow: Waits, choice: str
) -> None:
    with screen(tmp_path, "generate", "a boat", "--base-url", slow.gateway.url) as shown:
        shown.wait_for("in_progress")
        (video_id,) = made(slow.gateway)
        shown.interrupt()
        shown.wait_for("Cancel the video? Otherwise it goes on. [y/N]")
        if choice == "Ctrl-C":
            shown.insist("it goes on: ")
        else:
            shown.type(f"{choice}\n")
        assert shown.finish() == 130, shown.text
    video = slow.get(video_id)
    if choice == "y":
        assert video["error"]["code"] == "cancelled"
        assert "cancelled" in shown.text
    else:
        assert video["status"] == "in_progress"
        assert f"reelgate videos show {video_id} --base-url {slow.gateway.url}" in shown.text


def test_a_script_that_is_interrupted_is_asked_nothing_and_told_how_to_come_back(tmp_path: Path, slow: Waits) -> None:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "app", "generate", "a boat", "--json", "--base-url", slow.gateway.url],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", **coverage_environment()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: made(slow.gateway), timeout=60)
    until(lambda: slow.gateway.app.state.gateway.feed.waiting > 0, timeout=60)
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    video = json.loads(out)
    assert video["status"] in ("queued", "in_progress")
    assert f"reelgate videos watch {video['id']}" in told


def test_a_video_that_fails_ends_with_status_1_and_its_reason(run: Run, slow: Waits) -> None:
    results = []
    thread = threading.Thread(target=lambda: results.append(run("generate", "a boat", "--json")))
    thread.start()
    until(lambda: made(slow.gateway))
    (video_id,) = made(slow.gateway)
    slow.cancel(video_id)
    thread.join(60)
    (result,) = results
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["code"] == "cancelled"
    assert "output 0 failed: " in result.stderr


def test_ctrl_c_at_an_embedded_gateway_leaves_the_work_for_the_next_one(
    run: Run, tmp_path: Path, unused_port: int
) -> None:
    command = ("generate", "a boat", "--seconds", "15", "--resolution", "720p")  # long enough to be interrupted
    with screen(tmp_path, *command, REELGATE_PORT=str(unused_port)) as shown:
        shown.wait_for("in_progress")
        shown.interrupt()
        shown.wait_for("[y/N]")
        shown.type("\n")
        assert shown.finish() == 130
    assert "it goes on when a gateway runs here again" in shown.text
    assert "Traceback" not in shown.text
    (video_id,) = [video["id"] for video in json.loads(run("videos", "list", "--json").stdout)["data"]]
    assert run("videos", "watch", video_id, "-o", "boat.mp4").exit_code == 0
    assert (tmp_path / "boat.mp4").stat().st_size > 0
