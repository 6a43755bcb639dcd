"""Whom a piece of work is for, and places for such work of which one owner cannot take all.

Without this, the hostile files and names of one key would keep every other key's waiting.
"""

from __future__ import annotations

import asyncio
import weakref
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_owner: ContextVar[str] = ContextVar("owner", default="")


@contextmanager
def work_for(owner: str) -> Iterator[None]:
    """Say for whom whatever is looked up or opened inside is."""
    token = _owner.set(owner)
    try:
        yield
    finally:
        _owner.reset(token)


class _Line:
    """The places in one event loop: an asyncio semaphore works in one only, and a process may run several."""

    def __init__(self, total: int) -> None:
        self.all = asyncio.Semaphore(total)
        self.owners: weakref.WeakValueDictionary[str, asyncio.Semaphore] = weakref.WeakValueDictionary()


class Places:
    """`total` places, `each` of them for one owner at a time; who finds none waits in line.

    Of one owner no more than `each` are in the common line, so all others are never far from its head.
    """

    def __init__(self, total: int, each: int) -> None:
        self._total = total
        self._each = each
        self._lines: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Line] = weakref.WeakKeyDictionary()

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it."""
        line = self._lines.setdefault(asyncio.get_running_loop(), _Line(self._total))
        own = line.owners.setdefault(_owner.get(), asyncio.Semaphore(self._each))
        async with own, line.all:
            yield
