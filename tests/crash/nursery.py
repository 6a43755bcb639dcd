"""Starts replicas quickly: a process that has imported everything and forks one whenever it is told to.

A replica made so is a process of its own like any other, only that it need not read Python files for a second first.
One JSON object per line: stdin `{"log", "environment", "arguments"}` is answered by `{"pid"}`; `{"exited", "status"}`
tells the end of one. When stdin closes, every replica is killed.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from contextlib import suppress
from typing import Any, NoReturn

import alembic.command
import uvicorn

import app.cli.serve
import app.db.migrate
import app.main
from tests.crash import replica

__all__ = ["alembic", "app", "uvicorn"]  # what is imported once for all of them


def main() -> None:
    """Serve until stdin closes."""
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGTERM):  # they are for the harness, which closes our stdin then
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(waker)
    alive: set[int] = set()
    unread = b""
    _tell({"ready": True})
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _bury(alive)
        if 0 in ready:
            piece = os.read(0, 1 << 16)
            if not piece:
                break
            *lines, unread = (unread + piece).split(b"\n")
            for line in lines:
                pid = _fork(json.loads(line))
                alive.add(pid)
                _tell({"pid": pid})
    for pid in alive:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _bury(alive: set[int]) -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            alive.discard(ended[0])
            _tell({"exited": ended[0], "status": os.waitstatus_to_exitcode(ended[1])})


def _tell(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def _fork(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        _become(order)
    return pid


def _become(order: dict[str, Any]) -> NoReturn:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    silence = os.open(os.devnull, os.O_RDWR)
    for source, target in ((silence, 0), (silence, 1), (log, 2)):
        os.dup2(source, target)
    os.closerange(3, 4096)
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = ["reelgate", *order["arguments"]]
    code = 1
    try:
        replica.main()
        code = 0
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else int(done.code is not None)
    except BaseException:  # noqa: BLE001 - whatever it was, it belongs into the replica's log
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
