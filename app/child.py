"""Be a child process that does one piece of media work; `app.children` is the parent's side, and says how they speak.

Every file that comes or goes starts such a process, so this imports little: asyncio alone would be a third of a start.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

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
    """Be the child: read the request, do the work, answer. Raise ChildError inside `work` to refuse."""
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
    os._exit(0)  # skips the interpreter's teardown: codecs have nothing left to flush


def _tell(answers: TextIO, message: dict[str, Json]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def _end_with_parent() -> None:
    while sys.stdin.readline():
        pass
    os._exit(1)
