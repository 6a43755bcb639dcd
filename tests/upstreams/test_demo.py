"""`make demo-providers` says what to try, makes the trouble that it promises, and leaves nothing when it is stopped."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
import httpx
import numpy as np
import pytest

from tests.cli.processes import started
from tests.failover.system import System, story
from tests.serving import coverage_environment
from tests.upstreams import demo
from tests.upstreams.films import film

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Demo:
    """The demo as a process, what it said, where its gateway listens and where its data is."""

    process: subprocess.Popen[str]
    said: str
    url: str
    folder: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a line of what it said in a shell, where the demo was started."""
        environment = {"PATH": os.environ["PATH"], "REELGATE_BASE_URL": self.url, **coverage_environment()}
        done = subprocess.run(
            ["sh", "-c", *command], env=environment, cwd=_ROOT, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done


@contextmanager
def shown() -> Iterator[Demo]:
    """Run the demo until the block ends."""
    command = ("-m", "tests.upstreams", "--serve", "--free-ports", "--port", "0")
    with started(*command, folder=_ROOT, until="doctor", REELGATE_LOG_LEVEL="warning") as (process, said):
        url, folder = re.search(r"dashboard +(http://\S+)", said), re.search(r"data +(/[^,]+),", said)
        assert url, said
        assert folder, said
        yield Demo(process, said, url[1], Path(folder[1]))


def command_with(demo: Demo, part: str) -> str:
    """Find the command that it proposes, as it stands there."""
    found = re.search(rf"^ +(\S*reelgate .*{part}.*)$|(\(\. .*{part}\))", demo.said, re.MULTILINE)
    assert found, demo.said
    return found[1] or found[2]


def test_what_it_says_can_be_typed_as_it_stands_and_a_kill_leaves_nothing(tmp_path: Path) -> None:
    with shown() as running:
        film = tmp_path / "demo.mp4"
        running.run(command_with(running, "lighthouse").replace("demo.mp4", str(film)))
        assert film.stat().st_size > 50_000, "a clip that does not look broken"
        assert re.search(
            r"ok +xai +the key works for grok-imagine-video", running.run(command_with(running, "doctor")).stdout
        )
        assert httpx.get(f"{running.url}/", timeout=60).status_code == 200
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(timeout=60) == 0
        assert not running.folder.exists()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{running.url}/healthz")


WITHOUT = """
import sys
from importlib.metadata import packages_distributions

absent = {line.partition("==")[0] for line in open("requirements-dev.lock")}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if absent & set(packages.get(name, ())):
            raise ModuleNotFoundError(name)

packages = packages_distributions()
sys.meta_path.insert(0, Absent())
import tests.upstreams.__main__
"""


def test_it_needs_nothing_beyond_what_the_gateway_itself_needs() -> None:
    made = subprocess.run(["make", "-nB", "demo-providers"], cwd=_ROOT, capture_output=True, text=True, check=True)
    assert "requirements.lock" in made.stdout
    assert "requirements-dev.lock" not in made.stdout
    subprocess.run([sys.executable, "-c", WITHOUT], cwd=_ROOT, check=True, timeout=60)


def test_a_gateway_that_cannot_start_ends_the_demo_with_its_status() -> None:
    with shown() as running:
        port = httpx.URL(running.url).port
        second = subprocess.run(
            [sys.executable, "-m", "tests.upstreams", "--serve", "--free-ports", "--port", str(port)],
            env={"PATH": os.environ["PATH"], **coverage_environment()},
            cwd=_ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert second.returncode == 1
    assert "cannot listen on" in second.stderr
    assert second.stdout == ""


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """Three fakes that know the demo's words, and a gateway in front of them."""
    with ExitStack() as stack:
        made = System(tmp_path, stack, monkeypatch)
        made.settings["settle_seconds"] = 20
        for name in made.fakes:
            made.misbehave(name, *demo.trouble(name))
        yield made


@pytest.mark.parametrize("first", ["fal", "aimlapi", "xai"])
@pytest.mark.parametrize(("word", "outcome"), [("refuses", "refused"), ("fails", "failed")])
def test_a_provider_that_refuses_or_fails_is_followed_by_the_next(
    system: System, first: str, word: str, outcome: str
) -> None:
    second = "xai" if first == "fal" else "fal"
    system.start(providers=(first, second))
    video = system.wait(system.create(prompt=f"a boat, {first} {word}"))
    assert story(video) == [(first, outcome, "provider_error"), (second, "completed", None)]
    assert system.wait(system.create(prompt="a boat"))["metadata"]["provider"] == first


@pytest.mark.parametrize("first", ["fal", "aimlapi"])
def test_a_job_whose_answer_was_lost_is_found_where_the_provider_lists_it(system: System, first: str) -> None:
    video_id = system.create(prompt=f"{first} loses", model=f"{first}/grok-imagine-video")
    system.until(lambda: [paid.outcome for paid in system.fakes[first].ledger.paid()] == ["completed"])
    video = system.outlast(video_id)
    assert (video["status"], system.paid()) == ("completed", {first: 1})


@pytest.mark.parametrize("word", ["loses", "hangs"])
def test_a_job_that_nobody_can_find_is_an_operators(system: System, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    if word == "hangs":
        monkeypatch.setattr("app.providers.http._PATIENCE", httpx.Timeout(5))
    video = system.outlast(system.create(prompt=f"xai {word}", model="xai/grok-imagine-video"))
    assert video["error"]["code"] == "submission_unknown"
    (flagged,) = system.gateway.http.get("/v1/submissions").json()["data"]
    assert (flagged["status"], flagged["provider"]) == ("unknown", "xai")


def test_a_provider_that_is_down_is_left_alone_after_five_orders(system: System) -> None:
    system.create(prompt="fal is down", n=5)
    system.until(lambda: system.gateway.http.get("/v1/providers").json()["data"][0]["breaker"]["state"] == "open")
    assert system.wait(system.create(prompt="a boat"))["metadata"]["provider"] == "aimlapi"


def test_its_clips_move_in_the_colour_of_their_provider() -> None:
    seen = set()
    for look in demo.LOOKS.values():
        with av.open(io.BytesIO(film(320, 180, 13, look=look)), "r") as clip:
            first, *_others, last = (frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0))
        assert not np.array_equal(first, last), "it stands still"
        seen.add(tuple(int(channel) for channel in first.mean(axis=(0, 1)) // 16))
    assert len(seen) == 3
