"""Webhooks: which events there are, when a delivery is tried again, and when a receiver counts as gone.

Every number here is a promise to receivers: docs/webhooks.md repeats them.
"""

from __future__ import annotations

COMPLETED, FAILED, CANCELLED = "video.completed", "video.failed", "video.cancelled"
EVENT_TYPES = (COMPLETED, FAILED, CANCELLED)

_MINUTE, _HOUR = 60.0, 3600.0
# Seconds between one attempt and the next; the first is made at once. The schedule of Standard Webhooks: three days.
PAUSES = (5.0, 5 * _MINUTE, 30 * _MINUTE, *(hours * _HOUR for hours in (2, 5, 10, 14, 20, 24)))
LONGEST_PAUSE = 24 * _HOUR
SPREAD = 0.1  # of a pause is added at random, so that what failed together does not come back together

PER_TARGET = 4  # deliveries to one receiver at a time: a dead one holds up nobody else
PER_OWNER = 64  # deliveries of one API key at a time: many dead ones of its hold up no other key
HISTORY_LIMIT = 30  # attempts that the log keeps of one delivery

GONE = 410  # the status by which a receiver asks not to be called any more
_DEAD_SECONDS = 5 * 24 * _HOUR
_SERIES_SECONDS = LONGEST_PAUSE * (1 + SPREAD) + _HOUR  # failures further apart than any two attempts are no series


def event_type(status: str, error_code: str | None) -> str:
    """Name the event of a video that has ended so."""
    if status == "completed":
        return COMPLETED
    return CANCELLED if error_code == "cancelled" else FAILED


def pause_after(failures: int, wish: float | None, chance: float) -> float | None:
    """Return the seconds until the next attempt after so many failed ones, or None when the schedule is over.

    `wish` is what the receiver asked for (Retry-After), obeyed up to a day; `chance` is between 0 and 1.
    """
    if failures > len(PAUSES):
        return None
    pause = PAUSES[failures - 1] * (1 + SPREAD * chance)
    return max(pause, min(wish or 0.0, LONGEST_PAUSE))


def series_start(failing_since: float | None, failed_at: float | None, now: float) -> float:
    """Return since when (unix seconds) a receiver that fails now does nothing but fail.

    `failing_since` is where the series began, `failed_at` its last failure; a success has set both to None.
    """
    if failing_since is None or failed_at is None or now - failed_at > _SERIES_SECONDS:
        return now
    return failing_since


def is_dead(failing_since: float, now: float) -> bool:
    """Say whether a receiver that has only failed since then is to be given up."""
    return now - failing_since >= _DEAD_SECONDS
