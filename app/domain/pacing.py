"""When to ask a provider again, and how far a job probably is, from how long such jobs usually take."""

from __future__ import annotations

import math

USUAL_SECONDS = 60.0  # for an offering that was never seen to finish
_SHORTEST, _LONGEST = 1.0, 10.0  # seconds between polls
_SHORTEST_QUESTION, _LONGEST_QUESTION = 5.0, 600.0  # the same for what may never be answered
_MOST = 95  # percent that an estimate may reach
_WAITING = 5  # percent that a job in the provider's queue may show


def poll_after(elapsed: float, usual: float) -> float:
    """Return the seconds until the next poll: sparse at first, dense around the usual time, sparse again after it."""
    distance = abs(usual - elapsed)
    return max(_SHORTEST, min(_LONGEST, distance / 4))


def ask_again(age: float) -> float:
    """Return the seconds until a question that was open for `age` seconds is asked again: ever less often."""
    return max(_SHORTEST_QUESTION, min(_LONGEST_QUESTION, age / 10))


def estimate(elapsed: float, usual: float, queue_position: int | None) -> int:
    """Return a progress in percent: it rises with time and never arrives."""
    if queue_position:
        return min(_WAITING, int(elapsed))
    return int(_MOST * (1 - math.exp(-2 * max(0.0, elapsed) / usual)))
