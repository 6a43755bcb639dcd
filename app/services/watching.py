"""Whether a provider is asked about a running job, or is relied on to tell of its end.

A callback may be lost: on its way, because the gateway was down, or because its public address is wrong. So a job whose
callback is overdue is asked about all the same, a process asks once about every job that is older than itself, and a
provider whose callback did not come is relied on again only when one has come. What is kept in memory makes us ask more
often, never less.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from app.domain import pacing, told
from app.services.attempts import offer_of

if TYPE_CHECKING:
    from app.domain.jobs import Job
    from app.services.context import Context

log = structlog.get_logger()


@dataclass(slots=True)
class Watching:
    """What one process knows of callbacks. It has been up since `began` (unix seconds)."""

    context: Context
    began: float = field(init=False)
    silent: set[str] = field(default_factory=set)  # providers whose last callback did not come

    def __post_init__(self) -> None:
        """Begin now."""
        self.began = self.context.clock()

    def put_off(self, jump: float) -> None:
        """Follow the clock, which jumps by so many seconds."""
        self.began += jump

    def relies(self, job: Job) -> bool:
        """Say whether the job's provider will tell of its end, where we are still to be found."""
        base, operation = self.context.callback_base, job.operation
        if base is None or operation is None or told.is_told(operation) or job.provider in self.silent:
            return False
        return (told.address(operation) or "").startswith(f"{base}/")

    def asks(self, job: Job) -> bool:
        """Say whether the provider is asked now."""
        return not self.relies(job) or self.context.clock() >= job.deadline or self.patience_left(job) <= 0

    def patience_left(self, job: Job) -> float:
        """Return for how many seconds a callback is waited for before its provider is asked."""
        context, now, known = self.context, self.context.clock(), _known(job)
        if known < self.began or known > now:  # nobody may have been up to hear of it; the date was set back
            return 0.0
        if context.poll_seconds:
            return known + context.poll_seconds - now
        asked_at, usual = told.asked_at(job.operation or {}), context.pace.usual(job.provider, offer_of(job).endpoint)
        return pacing.patience(now - (job.started_at or now), usual, None if asked_at is None else now - asked_at)

    def ended(self, job: Job) -> bool:
        """Learn from a job that has ended; say whether its end was noticed at once."""
        if told.is_told(job.operation or {}):
            self.silent.discard(job.provider)
            return True
        if not self.relies(job):
            return True
        if _known(job) >= self.began:
            self.silent.add(job.provider)
            log.warning("a callback did not come: asking instead, until one does", **job.facts)
        return False


def _known(job: Job) -> float:
    """Return when the job was last known to run, in unix seconds."""
    return told.asked_at(job.operation or {}) or job.started_at or job.created_at
