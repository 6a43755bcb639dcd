"""Answers that are believed only when fal gives them twice, some time apart.

A gateway in front of fal may say of a question what looks like the end of a job: a passing 503, a 404 of a store that
lags. The end of a job that was perhaps paid for is not taken from one such answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.providers.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.providers.base import Failed

APART = 30.0  # seconds between the two answers, at least
KEPT = 3600.0  # seconds that fal keeps results (docs: webhooks); what is younger cannot be gone
_MOST = 10_000  # jobs in doubt at a time


@dataclass(frozen=True, slots=True)
class Unsure:
    """What would be the end of a job if fal says so twice; `sign` tells one such answer from another.

    `of_age`: only a job that is older than fal keeps results can have ended like this.
    """

    end: Failed
    sign: str
    of_age: bool = False


class Doubts:
    """Remembers what was read once, for as long as this process runs."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._first: dict[str, tuple[str, float]] = {}  # request id: sign, when it was first read

    def settle(self, request_id: str, unsure: Unsure, since: float) -> Failed:
        """Return the end if it was read before and may be; `since` is when the job began. Raises Transient if not."""
        now = self._clock()
        sign, first = self._first.get(request_id, ("", now))
        if sign != unsure.sign:
            first = now
            self._first.pop(request_id, None)
            self._first[request_id] = unsure.sign, now
            if len(self._first) > _MOST:
                self._first.pop(next(iter(self._first)))
        if now - first < APART or (unsure.of_age and now - since < KEPT):
            raise Transient(f"fal.ai answered once, and is asked again: {unsure.end.message}", APART)
        self.forget(request_id)
        return unsure.end

    def forget(self, request_id: str) -> None:
        """Take another answer for the truth."""
        self._first.pop(request_id, None)
