"""Run `reelgate` at a terminal of so many columns: what it writes is seen, questions are answered, keys are pressed."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from tests.serving import coverage_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Screen:
    """A command that believes that a person sits before it."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process = process
        self.raw = ""
        self._terminal = terminal
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    @property
    def text(self) -> str:
        """Everything that was written, without colours."""
        return _ESCAPES.sub("", self.raw).replace("\r", "")

    @property
    def lines(self) -> list[str]:
        """The lines of it."""
        return self.text.splitlines()

    def wait_for(self, text: str, timeout: float = 60) -> None:
        """Read until a text is there."""
        deadline = time.monotonic() + timeout
        while text not in self.text:
            assert time.monotonic() < deadline, self.text
            assert self._read() or text in self.text, self.text

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._terminal, text.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.type("\x03")

    def insist(self, text: str, timeout: float = 60) -> None:
        """Press Ctrl-C until a text is there: input() misses one that comes in the moment in which it begins."""
        deadline = time.monotonic() + timeout
        while text not in self.text:
            assert time.monotonic() < deadline, self.text
            self.interrupt()
            patience = time.monotonic() + timeout / 4
            while text not in self.text and time.monotonic() < patience and self._read():
                pass

    def finish(self, timeout: float = 60) -> int:
        """Read to the end, and return the status."""
        deadline = time.monotonic() + timeout
        while self._read():
            assert time.monotonic() < deadline, self.text
        return self.process.wait(timeout)

    def _read(self) -> bool:
        """Read what there is, and say whether there may be more."""
        ready, _, _ = select.select([self._terminal], [], [], 0.2)
        if not ready:
            return self.process.poll() is None
        self.raw += self._decoder.decode(os.read(self._terminal, 65536))
        return True


@contextmanager
def screen(folder: Path, *args: str, columns: int = 100, **environment: str) -> Iterator[Screen]:
    """Run `reelgate ARGS…` in a folder until the block ends."""
    terminal, child = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    opened = 'exec "$@" <"$0" >"$0" 2>&1'  # which makes it the terminal that Ctrl-C comes from
    process = subprocess.Popen(
        ["sh", "-c", opened, os.ttyname(child), sys.executable, "-P", "-m", "app", *args],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "TERM": "xterm-256color", **coverage_environment(), **environment},
        start_new_session=True,
    )
    try:
        yield Screen(process, terminal)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()
        os.close(terminal)
        os.close(child)
