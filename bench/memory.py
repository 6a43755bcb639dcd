"""The memory of a process and of the processes that it started, sampled while a block runs."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_EVERY = 0.05  # seconds


@dataclass
class Memory:
    """Resident memory in MiB: before the block, and the most that was seen in it.

    `tree` is with all children, of which what several share counts once: forks share what their server has loaded.
    """

    before: int = 0
    alone: int = 0
    tree: int = 0
    course: list[int] = field(default_factory=list)

    def take(self, process: int) -> None:
        """Sample once."""
        alone = _resident(process)
        self.before = self.before or alone
        self.alone = max(self.alone, alone)
        # One that was just forked shares its parent's memory, and has its name, until it becomes another program.
        others = [child for child in _children(process) if _command(child) != _command(process)]
        self.tree = max(self.tree, alone + sum(map(_share, others)))
        self.course.append(alone)

    @property
    def parts(self) -> list[int]:
        """Return the most that the process had in each tenth of the block."""
        count = len(self.course)
        return [max(self.course[count * tenth // 10 : max(count * (tenth + 1) // 10, 1)]) for tenth in range(10)]


@contextmanager
def sampled(process: int) -> Iterator[Memory]:
    """Sample until the block ends."""
    memory, over = Memory(), threading.Event()
    memory.take(process)

    def run() -> None:
        while not over.wait(_EVERY):
            memory.take(process)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        over.set()
        thread.join()


def _resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096 >> 20
    except (OSError, IndexError):  # it has ended
        return 0


def _share(process: int) -> int:
    """Return a process's proportional set size: of what others hold as well, its part."""
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:  # it has ended
        return 0
    return int(rollup.partition("Pss:")[2].split()[0]) >> 10 if "Pss:" in rollup else 0


def _command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:  # it has ended
        return b""


def _children(process: int) -> set[int]:
    found: set[int] = set()
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            own = {int(child) for child in task.read_text().split()}
        except OSError:  # the thread has ended
            continue
        found |= own | {each for child in own for each in _children(child)}
    return found
