"""A clock that tests can put forward, so that nothing has to be slept for."""

from __future__ import annotations

import asyncio
import time

_GLANCE = 0.05  # s; how often a waiting task looks whether the clock was put forward


class Clock:
    """Unix time that goes on by itself (unless held) and jumps when told."""

    def __init__(self, *, held: bool = False) -> None:
        self._held_at = time.time() if held else None
        self._ahead = 0.0

    def now(self) -> float:
        """Return the fake's unix time in seconds."""
        return (time.time() if self._held_at is None else self._held_at) + self._ahead

    def advance(self, seconds: float) -> None:
        """Put the clock forward."""
        self._ahead += seconds

    async def until(self, moment: float) -> None:
        """Wait for a moment."""
        while (left := moment - self.now()) > 0:
            await asyncio.sleep(min(left, _GLANCE))
