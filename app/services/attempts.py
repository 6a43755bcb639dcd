"""What became of an output's attempts, and where it goes next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.domain import jobs, offers

if TYPE_CHECKING:
    from app.domain.jobs import Job, Transition
    from app.domain.offers import Offer
    from app.domain.plain import Json

_REST_SECONDS = (5.0, 60.0)  # a provider that was unavailable is left alone: the first time, and at most of ourselves


def offers_of(job: Job) -> list[Offer]:
    """Return the ways to serve the job, in the order in which they are tried."""
    return offers.load(job.order["offers"])


def offer_of(job: Job) -> Offer:
    """Return the offer that is being tried."""
    return offers.load_one(job.order["offers"], job.offer)


def measured(job: Job, source: float) -> Job:
    """Fit the offer that is being tried to an input video of `source` seconds, which is known only now."""
    known = offers_of(job)
    fitting = [offer.behind(source) if number == job.offer else offer for number, offer in enumerate(known)]
    return job if fitting == known else replace(job, order={**job.order, "offers": offers.dump(fitting)})


def entry(
    job: Job, outcome: str, *, code: str | None = None, message: str | None = None, cost: int | None = None
) -> dict[str, Json]:
    """Describe how one attempt ended, for the output's history; `cost` in micro-dollars.

    Outcomes: "refused" and "unavailable" before the provider took the job; "unknown"; "failed" and "completed" after.
    """
    return {"provider": job.provider, "outcome": outcome, "code": code, "message": message, "cost": cost}


def unavailable(job: Job, message: str, now: float, wait: float) -> dict[str, Json]:
    """Describe an attempt that the provider did not take, for the output's history.

    It is not asked again for `wait` seconds, which is its own wish, nor before a rest that grows `times` by times;
    `until` is the moment, in unix seconds. Written down, for both to outlast a restart.
    """
    story = entry(job, "unavailable", message=message)
    times = 1 + sum(_number(each, "times") for each in job.history if _same(each, story))
    first, most = _REST_SECONDS
    rest = min(most, first * 2 ** (min(times, 8) - 1))
    return {**story, "times": int(times), "until": now + max(wait, rest)}


def onward(job: Job, story: dict[str, Json], now: float) -> Transition | None:
    """Queue the job for its next offer; after the last, for another round as soon as somebody who rests may be asked.

    None when there is nobody left to wait for. Who rests is passed over; who took the job once and failed at it, or
    refused it, is not asked a second time.
    """
    job = retold(job, story)
    known = [*job.history, story]
    done = {each["provider"] for each in known if each["outcome"] in ("failed", "refused")}
    resting = {each["provider"]: _number(each, "until") for each in known if each["outcome"] == "unavailable"}
    offered = offers_of(job)
    usable = [(number, offer.provider) for number, offer in enumerate(offered) if offer.provider not in done]
    for number, provider in usable:
        if number > job.offer and resting.get(provider, now) <= now:
            return jobs.move_on(job, number, provider, now, story)
    ends = [resting[provider] for _, provider in usable if provider in resting]
    if not ends:
        return None
    moment = max(now, min(ends))
    number, provider = next(each for each in usable if resting.get(each[1], moment) <= moment)
    return jobs.move_on(job, number, provider, moment, story, excused=moment - now)


def retold(job: Job, story: dict[str, Json]) -> Job:
    """Forget what `story` replaces: rounds may go on for hours, and each provider's latest word is enough."""
    return replace(job, history=[each for each in job.history if not _same(each, story)])


def final_code(job: Job, code: str) -> str:
    """Name the failure of the whole: several providers that could not do it are more than one that could not."""
    tried = {str(each["provider"]) for each in job.history} | {job.provider}
    return "all_providers_failed" if code == "provider_error" and len(tried) > 1 else code


def _same(one: dict[str, Json], other: dict[str, Json]) -> bool:
    return (one["provider"], one["outcome"]) == (other["provider"], other["outcome"])


def _number(entry: dict[str, Json], name: str) -> float:
    value = entry.get(name)
    return value if isinstance(value, int | float) else 0
