"""A gateway that is killed between the end of a video and the webhook that tells of it."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import httpx

from tests.cli.processes import served
from tests.receiver import HANG, receiving, status, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BODY = {"prompt": "a calm sea", "seconds": 1, "resolution": "480p"}
OPEN = {"REELGATE_ALLOW_PRIVATE_NETWORKS": "127.0.0.1"}
# Ends by SIGKILL when the first event is due, before anything of it is sent.
DOOMED = """
import os, signal
from app.cli import main
from app.services.posting import Poster

async def post(*_):
    os.kill(os.getpid(), signal.SIGKILL)

Poster.post = post
main()
"""


@contextmanager
def doomed(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve from `folder` until the first webhook."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", DOOMED, "serve"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "REELGATE_PORT": "0", **OPEN},
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        for line in process.stdout:
            found = re.search(r"listens on (http://\S+)/v1", line)
            if found:
                yield process, found[1]
                break
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_gateway_killed_before_it_could_tell_tells_after_its_restart(tmp_path: Path) -> None:
    with receiving() as receiver:
        with doomed(tmp_path) as (process, url):
            video = httpx.post(f"{url}/v1/videos", json={**BODY, "webhook_url": receiver.url()}, timeout=60).json()
            assert process.wait(60) == -signal.SIGKILL
        assert receiver.got == []
        with closing(sqlite3.connect(tmp_path / "data/reelgate.sqlite3")) as database:
            assert database.execute("SELECT status FROM videos").fetchall() == [("completed",)]
        with served(tmp_path, **OPEN):
            (got,) = receiver.wait(1)
    assert (got.event["type"], got.event["data"]["id"]) == ("video.completed", video["id"])


def test_a_gateway_killed_while_it_tells_tells_again_under_the_same_id(tmp_path: Path) -> None:
    with receiving() as receiver:
        receiver.answer = HANG
        with served(tmp_path, **OPEN) as gateway:
            httpx.post(f"{gateway.url}/v1/videos", json={**BODY, "webhook_url": receiver.url()}, timeout=60)
            receiver.wait(1)
            gateway.process.send_signal(signal.SIGKILL)
            gateway.process.wait(60)
        receiver.answer = status(200)
        with served(tmp_path, **OPEN) as gateway:
            receiver.wait(2)
            page = {"status": "delivered"}
            log = f"{gateway.url}/v1/webhook_deliveries"
            wait_until(lambda: httpx.get(log, params=page, timeout=60).json()["data"], "delivery")
    assert len(receiver.got) == 2
    assert len(set(receiver.ids)) == 1
