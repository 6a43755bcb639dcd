"""Moments as people write and read them; inside, unix seconds."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from app.cli.terminal import fail

_UNITS = {"m": 60, "h": 3600, "d": 86400}
_SHOWN = 40  # characters of what was wrong


def past(text: str | None, option: str) -> int | None:
    """Read a date of UTC, or how long ago; None where nothing was said."""
    if text is None:
        return None
    try:
        if text[-1:] in _UNITS:
            return max(0, int(time.time() - float(text[:-1]) * _UNITS[text[-1]]))
        return max(0, int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()))
    except (ValueError, OverflowError):
        fail(f"{option} {text[:_SHOWN]}: expected a date such as 2027-01-31, or how long ago, such as 90m, 12h or 30d")


def to_minute(seconds: float | None) -> str:
    """Write a moment of UTC where the minute is enough."""
    return "-" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def to_second(seconds: float | None) -> str:
    """Write a moment, and that it is of UTC."""
    return "-" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
