"""A clock that tests can put forward, so that nothing has to be slept for."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Unix time that goes on by itself (unless held) and jumps when told; any thread may put it forward."""

    def __init__(self, *, held: bool = False) -> None:
        self._held_at = time.time() if held else None
        self._ahead = 0.0
        self._wakers: set[Callable[[], object]] = set()

    def now(self) -> float:
        """Return the fake's unix time in seconds."""
        return (time.time() if self._held_at is None else self._held_at) + self._ahead

    def advance(self, seconds: float) -> None:
        """Put the clock forward."""
        self._ahead += seconds
        for wake in list(self._wakers):
            wake()

    async def until(self, moment: float) -> None:
        """Wait for a moment."""
        moved = asyncio.Event()
        wake = partial(asyncio.get_running_loop().call_soon_threadsafe, moved.set)
        self._wakers.add(wake)
        try:
            while (left := moment - self.now()) > 0:
                moved.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if self._held_at is not None or left == float("inf") else left):
                        await moved.wait()
        finally:
            self._wakers.discard(wake)
