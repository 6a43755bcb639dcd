"""`make demo-providers`: a gateway in front of the fakes, which is told what to try, and prompts that make trouble."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.upstreams import aimlapi_errors, xai_errors
from tests.upstreams.behaviour import Rule, accept_then, answer, cut, fail, hang, html
from tests.upstreams.looks import Look

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

LOOKS = {
    "fal": Look("fake fal.ai", (120, 165)),
    "aimlapi": Look("fake AI/ML API", (165, 110)),
    "xai": Look("fake xAI", (105, 105)),
}
_SETTLE_SECONDS = "20"  # an answer that is lost is given up at the first look for it, after half a minute
_REAL = ("REELGATE_DATABASE_URL", "REELGATE_MEDIA_URL")  # are no place for what never happened
_NO_KEY = {
    "fal": answer(401, {"detail": "Cannot access application. Authentication is required."}),
    "aimlapi": answer(401, aimlapi_errors.no_key()),
    "xai": answer(401, xai_errors.error("unauthenticated", "No or an invalid API key was provided.")),
}
_FAILURE = {
    "fal": fail(500, {"detail": "Runner died", "error_type": "runner_server_error"}, error_type="runner_server_error"),
    "aimlapi": fail(error="Internal server error"),
    "xai": fail(error_type="internal_error", error="Try again."),
}


def trouble(name: str) -> list[Rule]:
    """Return what a fake does on prompts that say, for example, "fal refuses"."""
    happens = {"refuses": _NO_KEY[name], "is down": html(502), "hangs": hang(), "loses": accept_then(cut(reset=True))}
    submits = [Rule(on="submit", do=do, times=None, match={"prompt": f"{name} {word}"}) for word, do in happens.items()]
    return [*submits, Rule(on="job", do=_FAILURE[name], times=None, match={"prompt": f"{name} fails"})]


def serve(settings: dict[str, str], more: Sequence[str]) -> int:
    """Run a gateway with these settings until somebody stops it, and return its status; its data goes with it."""
    with tempfile.TemporaryDirectory(prefix="reelgate-demo-") as folder, _stopped_by_signals():
        ours = {**settings, "REELGATE_DATA_DIR": folder}
        kept = {name: value for name, value in os.environ.items() if name not in _REAL}
        gateway = subprocess.Popen(
            [sys.executable, "-P", "-m", "app", "serve", *more],
            env={"REELGATE_SETTLE_SECONDS": _SETTLE_SECONDS, **kept, **ours},
            cwd=folder,  # the .env of this one is for real
            stdout=subprocess.DEVNULL,  # its greeting: `_greet` knows better
        )
        up = threading.Thread(target=_greet, args=(gateway, Path(folder), ours), daemon=True)
        up.start()
        try:
            return gateway.wait()
        except KeyboardInterrupt:  # by Ctrl-C the terminal has told the gateway as well
            sys.stderr.write("stopping\n")
            return 0
        finally:
            gateway.terminate()
            gateway.wait()
            up.join()


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Take a kill, or a terminal that goes away, for Ctrl-C; once, for then there is tidying up to do."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for each in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, stop)
    yield


def _greet(gateway: subprocess.Popen[bytes], folder: Path, settings: dict[str, str]) -> None:
    """Say what to try, once the gateway listens: its lock file tells where."""
    lock, url = folder / "reelgate.lock", ""
    while not url and gateway.poll() is None:
        time.sleep(0.05)
        url = lock.read_text(encoding="utf-8") if lock.exists() else ""
    if not url:
        return
    known = folder / "settings"
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in settings.items()]
    known.write_text("".join(lines), encoding="utf-8")
    command = os.path.relpath(Path(sys.executable).with_name("reelgate"))
    sys.stdout.write(greeting(url, command, known))
    sys.stdout.flush()


def greeting(url: str, command: str, settings: Path) -> str:
    """Say what to try with a gateway at an address; `command` is reelgate's, `settings` a file of the fakes' ones."""
    return f"""
Reelgate in front of imitations of fal.ai, AI/ML API and xAI: clips are coloured waves, and nothing is paid.

  dashboard  {url}
  data       {settings.parent}, gone after Ctrl-C

In a second terminal, here:

  export REELGATE_BASE_URL={url}
  {command} generate "a lighthouse in a storm" --seconds 4 -o demo.mp4

Words in a prompt make trouble, at aimlapi and xai as well:

  "fal refuses"  its key is refused: AI/ML API makes the video
  "fal fails"    it takes the job and fails at it: AI/ML API makes the video
  "fal is down"  502 for every order: with -n 5 it is left alone for half a minute
  "fal hangs"    no answer for a minute: the job is looked for, and never ordered again
  "fal loses"    it takes the job, and the answer is lost: the job is found after half a minute
  "xai loses"    with --model xai/grok-imagine-video: it is not found, and is yours to settle

What came of it: {command} videos show VIDEO_ID, and Health and Submissions in the dashboard.
The keys of the imitations: (. {settings}; {command} doctor)

"""
