"""Be a child process that does one piece of media work, or the server that forks such children.

`app.children` is the parent's side, and says how they speak.

Every file that comes or goes starts such a process, so this imports little: asyncio alone would be a third of a start.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.domain.plain import Json

_NICENESS = 5  # media work yields to the process that answers requests


class ChildError(Exception):
    """The child refused its input or died. `code` is the child's own word, or "crashed"."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Work(Protocol):
    """What a child module does: take the request, `tell` messages, return the result."""

    def __call__(self, request: dict[str, Json], tell: Callable[[dict[str, Json]], None], /) -> dict[str, Json]:
        """Return the result, or raise ChildError."""
        ...


def main(work: Work) -> None:
    """Be the child: read the request, do the work, answer, end. Raise ChildError inside `work` to refuse."""
    _answer(work)
    os._exit(0)  # skips the interpreter's teardown: codecs have nothing left to flush


def _answer(work: Work) -> None:
    os.nice(_NICENESS)
    # What a codec prints goes to stderr, or it would be taken for an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    tell = partial(_tell, answers)
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        tell({"result": work(request, tell)})
    except ChildError as error:
        tell({"error": {"code": error.code, "message": error.message}})


def serve(works: Mapping[str, Work], rehearse: Callable[[], object] = lambda: None) -> None:
    """Be a fork server: for every connection that comes on stdin, fork a child which does the work that it names.

    Each `rehearse`s before it says that it is there: a fork takes its time to touch its memory for the first time.
    The server touches no stranger's file, so that no child can see what another's bytes have done. It ends with its
    parent.
    """
    signal.signal(signal.SIGCHLD, _bury)
    gc.freeze()  # a collection in a child would copy what they share
    parent = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    while True:
        _, connections, _, _ = socket.recv_fds(parent, 1, 1)
        if not connections:
            os._exit(0)
        if os.fork() == 0:
            parent.close()
            _be_forked(connections[0], works, rehearse)
        os.close(connections[0])


def _bury(*_: object) -> None:
    """Take note of the children that have ended, so that they go and their time counts as this process's."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _be_forked(connection: int, works: Mapping[str, Work], rehearse: Callable[[], object]) -> None:
    try:
        rehearse()
        for stream in (sys.stdin, sys.stdout):
            os.dup2(connection, stream.fileno())
        os.close(connection)
        _tell(sys.stdout, {"pid": os.getpid()})
        if module := sys.stdin.readline().strip():  # else it was made ahead, and is not needed
            _answer(works[module])
            socket.socket(fileno=sys.stdin.fileno()).shutdown(socket.SHUT_WR)  # its memory takes a while to go
        os._exit(0)
    finally:
        if failure := sys.exception():
            sys.excepthook(type(failure), failure, failure.__traceback__)  # as at the end of any process
        os._exit(1)


def _tell(answers: TextIO, message: dict[str, Json]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def _end_with_parent() -> None:
    while sys.stdin.readline():
        pass
    os._exit(1)
