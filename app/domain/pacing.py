"""When to ask a provider again, and how far a job probably is, from how long such jobs usually take."""

from __future__ import annotations

import math

USUAL_SECONDS = 60.0  # for an offering that was never seen to finish
_SHORTEST, _LONGEST = 1.0, 10.0  # seconds between polls
_OVERDUE = 1.5  # times the usual time, after which a job that its provider tells of is asked about
_SOONEST_OVERDUE = 10.0  # seconds, for jobs that take next to nothing
_OVERDUE_SECONDS = 30.0  # between two questions from then on
_SHORTEST_QUESTION, _LONGEST_QUESTION = 5.0, 600.0  # the same for what may never be answered
_MOST = 95  # percent that an estimate may reach
_WAITING = 5  # percent that a job in the provider's queue may show


def poll_after(elapsed: float, usual: float) -> float:
    """Return the seconds until the next poll: sparse at first, dense around the usual time, sparse again after it."""
    distance = abs(usual - elapsed)
    return max(_SHORTEST, min(_LONGEST, distance / 4))


def patience(elapsed: float, usual: float, silence: float | None) -> float:
    """Return the seconds until a provider that tells of the end is asked all the same; it last was `silence` ago.

    A job that begins in the future, because the date was set back, is taken to be overdue.
    """
    overdue = max(_SOONEST_OVERDUE, _OVERDUE * usual) - elapsed if elapsed >= 0 else 0.0
    return max(overdue, 0.0 if silence is None else _OVERDUE_SECONDS - silence)


def guess_after(usual: float) -> float:
    """Return the seconds until a job's progress is estimated again, where nobody is asked."""
    return max(_SHORTEST, min(_LONGEST, usual / 10))


def ask_again(age: float) -> float:
    """Return the seconds until a question that was open for `age` seconds is asked again: ever less often."""
    return max(_SHORTEST_QUESTION, min(_LONGEST_QUESTION, age / 10))


def estimate(elapsed: float, usual: float, queue_position: int | None) -> int:
    """Return a progress in percent: it rises with time and never arrives."""
    if queue_position:
        return min(_WAITING, int(elapsed))
    return int(_MOST * (1 - math.exp(-2 * max(0.0, elapsed) / usual)))
