"""What became of an output's attempts, and where it goes next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.domain import jobs, offers

if TYPE_CHECKING:
    from app.domain.jobs import Job, Transition
    from app.domain.offers import Offer
    from app.domain.plain import Json

_ROUND_SECONDS = (5.0, 60.0)  # between two rounds of trying every offer: the first, and at most


def offers_of(job: Job) -> list[Offer]:
    """Return the ways to serve the job, in the order in which they are tried."""
    return offers.load(job.order["offers"])


def offer_of(job: Job) -> Offer:
    """Return the offer that is being tried."""
    return offers_of(job)[job.offer]


def entry(
    job: Job, outcome: str, *, code: str | None = None, message: str | None = None, cost: int | None = None
) -> dict[str, Json]:
    """Describe how one attempt ended, for the output's history; `cost` in micro-dollars.

    Outcomes: "refused" and "unavailable" before the provider took the job; "unknown"; "failed" and "completed" after.
    """
    return {"provider": job.provider, "outcome": outcome, "code": code, "message": message, "cost": cost}


def onward(job: Job, story: dict[str, Json], now: float, wait: float = 0.0) -> Transition | None:
    """Queue the job for its next offer; after the last, for another round in `wait` seconds or more.

    None when there is nobody left to wait for. Who took the job once and failed at it is not asked a second time.
    """
    job = retold(job, story)
    known = [*job.history, story]
    failed = {each["provider"] for each in known if each["outcome"] == "failed"}
    offered = offers_of(job)
    usable = [number for number, offer in enumerate(offered) if offer.provider not in failed]
    following = next((number for number in usable if number > job.offer), None)
    if following is not None:
        return jobs.move_on(job, following, offered[following].provider, now, story)
    if not any(each["outcome"] == "unavailable" and each["provider"] not in failed for each in known):
        return None
    first = usable[0]
    return jobs.move_on(job, first, offered[first].provider, now + max(wait, _round(job)), story)


def retold(job: Job, story: dict[str, Json]) -> Job:
    """Forget what `story` replaces: rounds may go on for hours, and each provider's latest word is enough."""
    return replace(job, history=[each for each in job.history if not _same(each, story)])


def final_code(job: Job, code: str) -> str:
    """Name the failure of the whole: several providers that could not do it are more than one that could not."""
    tried = {str(each["provider"]) for each in job.history} | {job.provider}
    return "all_providers_failed" if code == "provider_error" and len(tried) > 1 else code


def _same(one: dict[str, Json], other: dict[str, Json]) -> bool:
    return (one["provider"], one["outcome"]) == (other["provider"], other["outcome"])


def _round(job: Job) -> float:
    first, most = _ROUND_SECONDS
    return min(most, first * float(2 ** min(max(0, job.attempts - 1), 8)))
