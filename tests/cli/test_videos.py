"""`reelgate videos`: list, show, watch, download, cancel, delete; through a gateway, and where none runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.waiting import LONG, until
from tests.cli.commands import told
from tests.cli.screen import screen
from tests.serving import serve, settings_for
from tests.upstreams import xai
from tests.upstreams.running import run as running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.waiting import Waits
    from tests.cli.conftest import Run
    from tests.serving import Running

ADMIN = "a-long-enough-admin-key-for-tests"
HOSTILE = "a sea\nat \x1b[31mdusk, [bold]:heart:"


def document(run: Run, *args: str) -> dict[str, Any]:
    """Run a command with --json and return what it prints."""
    result = run(*args, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def ids(run: Run, *options: str) -> list[str]:
    """List the ids of videos."""
    return [video["id"] for video in document(run, "videos", "list", *options)["data"]]


def test_videos_are_listed_by_every_filter_of_the_api(run: Run, slow: Waits) -> None:
    first = slow.create(prompt="a paper boat")
    second = slow.create(prompt="a red kite", model="grok-imagine-video-1.5", seconds=2)
    slow.cancel(first)
    for options, expected in (
        ((), [second, first]),
        (("--order", "asc"), [first, second]),
        (("--limit", "1"), [second]),
        (("--after", second), [first]),
        (("--status", "failed"), [first]),
        (("--status", "in_progress"), [second]),
        (("--model", "grok-imagine-video-1.5"), [second]),
        (("--provider", "xai"), [second, first]),
        (("--provider", "fal"), []),
        (("--prompt", "Red Kite"), [second]),
        (("--since", "10m"), [second, first]),
        (("--since", "2120-01-31"), []),
        (("--until", "2020-01-31"), []),
    ):
        assert ids(run, *options) == expected, options
    page = run("videos", "list", "--limit", "1")
    assert page.stdout.splitlines()[1].startswith(second)
    assert f"and more: --after {second}" in page.stderr
    none = run("videos", "list", "--until", "2020-01-31")
    assert (none.stdout, told(none)) == ("", ["no videos"])
    wrong = run("videos", "list", "--since", "soon")
    assert (wrong.exit_code, "--since soon: expected a date" in wrong.stderr) == (1, True)


def test_a_pipe_gets_every_column_whole_and_no_orders_to_the_terminal(run: Run, slow: Waits) -> None:
    prompt = f"{HOSTILE} {'and on ' * 40}end"
    video_id = slow.create(prompt=prompt)
    heading, line = run("videos", "list").stdout.splitlines()
    for word in ("id", "status", "cost", "created (UTC)", "size", "seconds", "model", "prompt"):
        assert word in heading
    assert line.startswith(video_id)
    assert line.endswith("and on end")
    assert "a sea at  [31mdusk, [bold]:heart:" in line
    assert "\x1b" not in line


@pytest.mark.parametrize(("columns", "created"), [(80, False), (120, True)])
def test_a_list_fits_the_terminal_and_cuts_no_id(tmp_path: Path, slow: Waits, columns: int, *, created: bool) -> None:
    video_id = slow.create(prompt=f"灯台 {'a very long prompt ' * 20}")
    command = ("videos", "list", "--base-url", slow.gateway.url)
    with screen(tmp_path, *command, columns=columns, NO_COLOR="1") as shown:
        assert shown.finish() == 0, shown.text
    heading, line = shown.lines
    assert line.startswith(video_id)
    assert "灯台 a very" in line
    assert line.endswith("…")
    assert len(line) + 2 <= columns  # 灯台 takes four cells
    assert ("created (UTC)" in heading) == created
    assert "\x1b[3" not in shown.raw


def test_one_is_shown_with_its_story(run: Run, gateway: Running) -> None:
    video = gateway.finished(prompt=HOSTILE, size="1024x1024", resolution=None)
    at = ("--base-url", gateway.url)
    page = run("videos", "show", video["id"], *at).stdout
    for line in (
        f"id          {video['id']}",
        "status      completed, 100 %",
        "prompt      a sea at  [31mdusk, [bold]:heart:",
        "model       grok-imagine-video (text-to-video)",
        "cost        $0, estimated $0",
        f"warning     {video['warnings'][0]['message']}",
        "output 0    completed: 720x720, 1.04 s at 24 fps, ",
        "+0.0 s      queued",
    ):
        assert line in page, page
    assert "submitted to local" in page
    assert page.rstrip().endswith("completed")
    shown = document(run, "videos", "show", video["id"], *at)
    timeline = gateway.http.get(f"/v1/videos/{video['id']}/timeline").json()
    assert (shown["mode"], shown["timeline"]) == ("text-to-video", timeline["data"])
    assert shown["prompt"] == HOSTILE


def test_what_failed_is_shown_with_its_reason(run: Run, slow: Waits) -> None:
    video_id = slow.create()
    assert "status      in_progress" in run("videos", "show", video_id).stdout
    slow.cancel(video_id)
    page = run("videos", "show", video_id).stdout
    assert "(cancelled)" in page
    assert "output 0    failed: " in page


def test_an_attempt_that_nobody_answered_is_told_without_a_code(run: Run, tmp_path: Path, unused_port: int) -> None:
    nowhere = f"http://127.0.0.1:{unused_port}/v1"
    with serve(settings_for(tmp_path / "served", XAI_API_KEY=xai.KEY, xai_url=nowhere)) as gateway:
        path = f"/v1/videos/{gateway.create()['id']}"
        until(lambda: gateway.http.get(path).json()["metadata"]["attempts"])
        page = run("videos", "show", path.rpartition("/")[2], "--base-url", gateway.url).stdout
    assert "not sent to xai" in page
    attempt = next(line for line in page.splitlines() if line.startswith("attempt"))
    assert attempt.startswith("attempt     xai unavailable: ")
    assert "None" not in page


def test_one_is_watched_to_its_end_and_saved(run: Run, tmp_path: Path, slow: Waits) -> None:
    video_id = slow.create()
    results = []
    thread = threading.Thread(target=lambda: results.append(run("videos", "watch", video_id, "-o", "it.mp4", "--json")))
    thread.start()
    until(lambda: slow.waiting > 0)
    slow.end_all()
    thread.join(60)
    (result,) = results
    assert result.exit_code == 0, result.output
    video = json.loads(result.stdout)
    assert (video["status"], video["files"][0]["path"]) == ("completed", "it.mp4")
    assert (tmp_path / "it.mp4").read_bytes()[4:8] == b"ftyp"
    assert run("videos", "watch", video_id).stdout.splitlines()[1].startswith(video_id)


def test_ctrl_c_stops_watching_and_nothing_else(tmp_path: Path, slow: Waits) -> None:
    video_id = slow.create()
    with screen(tmp_path, "videos", "watch", video_id, "--base-url", slow.gateway.url) as shown:
        shown.wait_for("in_progress")
        shown.interrupt()
        assert shown.finish() == 130
    assert "not watched any more" in shown.text
    assert slow.get(video_id)["status"] == "in_progress"


def test_one_is_downloaded_in_every_variant(run: Run, tmp_path: Path, gateway: Running) -> None:
    video = gateway.finished(prompt="A Boat", n=2)
    at = ("--base-url", gateway.url)
    files = document(run, "videos", "download", video["id"], *at)["files"]
    assert [file["path"] for file in files] == ["a-boat-0.mp4", "a-boat-1.mp4"]
    one = run("videos", "download", video["id"], "--index", "1", "-o", "one.mp4", *at)
    assert one.stdout.startswith("saved one.mp4 (854x480, 1.04 s, ")
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "a-boat-1.mp4").read_bytes()
    for variant, name, magic in (("thumbnail", "a-boat.webp", b"RIFF"), ("spritesheet", "a-boat.jpg", b"\xff\xd8")):
        result = run("videos", "download", video["id"], "--variant", variant, "--index", "0", *at)
        assert f"saved {name} (" in result.stdout
        assert (tmp_path / name).read_bytes().startswith(magic)
    missing = run("videos", "download", video["id"], "--index", "7", *at)
    assert (missing.exit_code, "output 7 is not there: it has 2" in missing.stderr) == (1, True)


def test_a_disk_that_is_full_leaves_nothing_behind_and_the_way_to_get_it_later(
    tmp_path: Path, gateway: Running
) -> None:
    video_id = gateway.finished()["id"]
    download = ("videos", "download", video_id, "-o", "it.mp4", "--base-url", gateway.url)
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", sys.executable, "-P", "-m", "app", *download],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},  # nor is there room for those, or coverage's
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert f"the gateway has it: `reelgate videos download {video_id}`" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_has_not_ended_cannot_be_downloaded(run: Run, slow: Waits) -> None:
    result = run("videos", "download", slow.create(), "--json")
    assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (1, "video_not_ready")


def test_one_is_cancelled_and_deleted(run: Run, slow: Waits) -> None:
    video_id = slow.create()
    assert run("videos", "cancel", video_id).stdout == f"cancelled {video_id}\n"
    assert run("videos", "delete", video_id).stdout == f"deleted {video_id}\n"
    gone = run("videos", "show", video_id, "--json")
    assert (gone.exit_code, json.loads(gone.stdout)["error"]["code"]) == (1, "video_not_found")
    other = slow.create()
    slow.end_all()
    until(lambda: slow.get(other)["status"] == "completed")
    assert run("videos", "cancel", other).stdout == f"{other} had ended: it is completed\n"


def test_at_a_terminal_delete_asks_first(tmp_path: Path, slow: Waits) -> None:
    video_id = slow.create()
    command = ("videos", "delete", video_id, "--base-url", slow.gateway.url)
    with screen(tmp_path, *command) as shown:
        shown.wait_for("with its files? [y/N]")
        shown.type("n\n")
        assert shown.finish() == 1
    assert slow.get(video_id)["status"] == "in_progress"
    with screen(tmp_path, *command, "--yes") as shown:
        assert shown.finish() == 0
    assert slow.get(video_id)["error"]["code"] == "video_not_found"


def test_where_no_gateway_runs_to_look_asks_no_provider_and_to_watch_does(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = xai.FakeXai(seconds=LONG)
    with running(fake.app) as url:
        monkeypatch.setenv("XAI_API_KEY", xai.KEY)
        monkeypatch.setenv("REELGATE_XAI_URL", f"{url}/v1")
        with serve(settings_for(tmp_path / "data", XAI_API_KEY=xai.KEY, xai_url=f"{url}/v1")) as gateway:
            video_id = gateway.create()["id"]
            until(lambda: gateway.http.get(f"/v1/videos/{video_id}").json()["status"] == "in_progress")
        fake.clock.advance(LONG)
        for _ in range(2):
            assert ids(run, "--status", "in_progress") == [video_id]
        assert "submitted to xai" in run("videos", "show", video_id).stdout
        started = f"one was started in {tmp_path / 'data'} for this command; --base-url or"
        usage = told(run("usage"))
        assert (usage[0].startswith("note: no gateway answers at http://"), started in usage[0]) == (True, True)
        assert usage[1:] == ["nothing was made"]
        assert run("balance").exit_code == 0
        assert ids(run, "--status", "in_progress") == [video_id]
        assert run("videos", "watch", video_id).exit_code == 0
    assert run("videos", "download", video_id, "-o", "it.mp4").exit_code == 0
    assert (tmp_path / "it.mp4").read_bytes()[4:8] == b"ftyp"
    assert run("videos", "cancel", video_id).stdout == f"{video_id} had ended: it is completed\n"
    assert run("videos", "delete", video_id).exit_code == 0
    assert ids(run) == []


def test_an_admin_sees_the_videos_of_a_key_and_whose_each_is(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(settings_for(tmp_path / "served", admin_key=ADMIN)) as gateway:
        monkeypatch.setenv("REELGATE_BASE_URL", gateway.url)
        monkeypatch.setenv("REELGATE_API_KEY", ADMIN)
        key = document(run, "keys", "create", "laptop")
        monkeypatch.setenv("REELGATE_API_KEY", key["key"])
        video_id = run("generate", "a boat", "--no-wait", "--seconds", "1").stdout.strip()
        refused = run("videos", "list", "--key", "all")
        assert (refused.exit_code, "permission_denied" in refused.stderr) == (1, True)
        monkeypatch.setenv("REELGATE_API_KEY", ADMIN)
        assert ids(run) == []
        for whose in (key["id"], "all"):
            heading, line = run("videos", "list", "--key", whose).stdout.splitlines()
            assert "key" in heading
            assert line.startswith(video_id)
            assert key["id"] in line
        assert f"key         {key['id']}" in run("videos", "show", video_id).stdout


def test_an_admin_is_told_of_the_videos_from_before_there_were_keys_and_ends_them(
    run: Run, slow: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    video_id = slow.create(prompt="early")
    keys = {}
    for name, role in (("ops", "admin"), ("laptop", "member")):
        keys[name] = document(run, "keys", "create", name, "--role", role)["key"]
        monkeypatch.setenv("REELGATE_API_KEY", keys["ops"])
    monkeypatch.setenv("REELGATE_API_KEY", keys["laptop"])
    assert told(run("videos", "list")) == ["no videos"]
    monkeypatch.setenv("REELGATE_API_KEY", keys["ops"])
    hint = "note: there are some from before there were keys: --key open"
    assert told(run("videos", "list")) == ["no videos", hint]
    assert told(run("videos", "list", "--prompt", "EARLY")) == ["no videos", hint]
    assert told(run("videos", "list", "--prompt", "late")) == ["no videos"]
    assert ids(run, "--key", "open") == [video_id]
    assert run("videos", "cancel", video_id).stdout == f"cancelled {video_id}\n"
    assert run("videos", "delete", video_id, "--yes").stdout == f"deleted {video_id}\n"
    assert told(run("videos", "list")) == ["no videos"]
