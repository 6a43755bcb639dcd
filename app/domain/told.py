"""Whether a provider tells of a job's end by itself: what we note beside its own words on the job's handle.

callback_url   the job was ordered with this address, at which the provider calls
asked_at       when the provider last said that the job still runs (unix seconds), for one that it will tell of
told           it has called: the job is said to have ended
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.domain.jobs import Operation


def expecting(operation: Operation, callback_url: str | None) -> Operation:
    """Note where the provider was asked to call, if it was."""
    return {**operation, "callback_url": callback_url} if callback_url else operation


def address(operation: Operation) -> str | None:
    """Return where the provider was asked to call."""
    url = operation.get("callback_url")
    return url if isinstance(url, str) else None


def asked(operation: Operation, now: float) -> Operation:
    """Note that the provider says it runs."""
    return {**operation, "asked_at": now}


def asked_at(operation: Operation) -> float | None:
    """Return when the provider last said that it runs, in unix seconds."""
    moment = operation.get("asked_at")
    return float(moment) if isinstance(moment, int | float) else None


def told(operation: Operation) -> Operation:
    """Note that the provider has called."""
    return {**operation, "told": True}


def is_told(operation: Operation) -> bool:
    """Say whether the provider has called."""
    return operation.get("told") is True
