"""How providers did of late: what was sent to each, how its outputs ended and how long they took.

Ends, failovers and submits are each read from one index alone, and ends come back as a histogram: of 100,000 rows,
hundreds. The same index finds the newest refusals.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import Integer, and_, case, cast, func, select

from app.db.tables import OutputRow, SubmissionRow, VideoRow
from app.domain.jobs import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncSession

_TENTHS = 10  # parts of a second in which lengths are told apart
_LOOKED_AT = 1000  # queued outputs
_REFUSALS = ("refused", "unavailable")  # outcomes of attempts that a provider did not take


@dataclass(frozen=True, slots=True)
class Submits:
    """Paid requests by what became of them; unsent ones never left, and nobody answered the unknown, yet or ever."""

    accepted: int = 0
    refused: int = 0
    unsent: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """When a paid request was refused (unix seconds), and how the output's history tells it.

    Where it does not, for it was cancelled or deleted meanwhile or the provider's list says so, `code` is None and
    `message` what was written down with the request.
    """

    at: float
    outcome: str
    code: str | None
    message: str


@dataclass(slots=True)
class Ends:
    """How outputs ended, by code where they failed, or failed here and went to another provider (`failed_over`).

    `lengths` counts completed ones by the tenths of a second they took.
    """

    completed: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    failed_over: Counter[str] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)

    def quantile(self, share: float) -> float | None:
        """Return within how many seconds that share of the completed outputs was done."""
        left = share * self.lengths.total()
        for tenths in sorted(self.lengths):
            left -= self.lengths[tenths]
            if left <= 0:
                return tenths / _TENTHS
        return None


async def ends(session: AsyncSession, since: float) -> Mapping[str, Ends]:
    """Return how each provider's outputs ended since then (unix seconds); what failed over counts at each of them."""
    taken = cast((OutputRow.completed_at - OutputRow.started_at) * _TENTHS, Integer)
    columns = (
        OutputRow.provider,
        OutputRow.state,
        OutputRow.error_code,
        case((OutputRow.state == State.COMPLETED, taken), else_=None).label("taken"),
    )
    counted = select(*columns, func.count().label("outputs")).where(OutputRow.completed_at >= since)
    found: dict[str, Ends] = defaultdict(Ends)
    for provider, state, code, length, outputs in await session.execute(counted.group_by(*columns)):
        known = found[provider]
        if state != State.COMPLETED:
            known.failed[code] += outputs
            continue
        known.completed += outputs
        if length is not None:
            known.lengths[length] += outputs
    codes = SubmissionRow.provider, SubmissionRow.failure
    gone = select(*codes, func.count()).where(SubmissionRow.failed_at >= since).group_by(*codes)
    for provider, code, number in await session.execute(gone):
        found[provider].failed_over[str(code)] += number
    return found


async def submits(session: AsyncSession, since: float) -> Mapping[str, Submits]:
    """Return what was sent to each provider since then (unix seconds)."""
    counted = select(SubmissionRow.provider, SubmissionRow.phase, func.count()).where(SubmissionRow.intent_at >= since)
    phases: dict[str, Counter[str]] = defaultdict(Counter)
    for provider, phase, number in await session.execute(counted.group_by(SubmissionRow.provider, SubmissionRow.phase)):
        phases[provider][phase if phase in ("accepted", "refused", "unsent") else "unknown"] += number
    return {provider: Submits(**counts) for provider, counts in phases.items()}


async def last_refusals(session: AsyncSession, since: float) -> Mapping[str, Refusal]:
    """Return each provider's newest refusal of those sent since then (unix seconds)."""
    refused = select(SubmissionRow.provider, func.max(SubmissionRow.intent_at).label("at"))
    newest = (
        refused.where(SubmissionRow.intent_at >= since, SubmissionRow.phase == "refused")
        .group_by(SubmissionRow.provider)
        .subquery()
    )
    of_it = and_(SubmissionRow.intent_at == newest.c.at, SubmissionRow.provider == newest.c.provider)
    told = select(newest.c.provider, newest.c.at, SubmissionRow.answered_at, SubmissionRow.error, OutputRow.history)
    told = told.join(SubmissionRow, of_it).join(OutputRow, OutputRow.id == SubmissionRow.output_id)
    found = {}
    for provider, sent, answered, error, history in await session.execute(told.where(SubmissionRow.phase == "refused")):
        entries = [each for each in history if each["provider"] == provider and each["outcome"] in _REFUSALS]
        last = entries[-1] if entries else {"outcome": "refused", "code": None, "message": error}
        if entries or provider not in found:
            found[provider] = Refusal(answered or sent, last["outcome"], last["code"], last["message"] or "")
    return found


async def oldest_queued(session: AsyncSession) -> float | None:
    """Return when the oldest video was made (unix seconds) of those queued that are due first, a thousand at most."""
    first = select(OutputRow.video_id).where(OutputRow.state == State.QUEUED).order_by(OutputRow.run_at)
    some = first.limit(_LOOKED_AT).subquery()
    return await session.scalar(select(func.min(VideoRow.created_at)).join(some, some.c.video_id == VideoRow.id))
