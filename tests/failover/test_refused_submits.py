"""The first provider does not take the job: the next one makes it, once, under the id the client already has."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.failover.system import PRICE, story
from tests.upstreams import aimlapi_errors, xai_errors
from tests.upstreams.behaviour import Do, Rule, answer
from tests.upstreams.fal_checks import EXHAUSTED

if TYPE_CHECKING:
    from pydantic import JsonValue

    from tests.failover.system import System

NO_KEY = answer(401, {"detail": "Cannot access application. Authentication is required."})
LOCKED = answer(403, {"detail": EXHAUSTED})
BUSY = answer(429, {"detail": "Too many requests"}, {"retry-after": "50"})


def test_a_first_provider_that_is_down_is_passed_over(system: System, unused_port: int) -> None:
    system.settings["fal_queue_url"] = f"http://127.0.0.1:{unused_port}"
    video = system.wait(system.create())
    assert video["status"] == "completed"
    assert video["metadata"]["provider"] == "aimlapi"
    assert story(video) == [("fal", "unavailable", None), ("aimlapi", "completed", None)]
    told = {"index", "provider", "outcome", "code", "message", "cost"}
    assert [set(each) for each in video["metadata"]["attempts"]] == [told, told]
    assert system.only_paid("aimlapi").outcome == "completed"


@pytest.mark.parametrize(
    ("refusal", "outcome", "code"),
    [
        (NO_KEY, "refused", "provider_error"),
        (LOCKED, "refused", "provider_balance_exhausted"),
        (BUSY, "unavailable", None),
    ],
    ids=["401", "403-balance", "429"],
)
def test_a_refusal_of_fal_that_is_not_the_inputs_fault_moves_the_job_to_the_next(
    system: System, refusal: Do, outcome: str, code: str | None
) -> None:
    system.misbehave("fal", Rule(on="submit", do=refusal, times=None))
    video = system.wait(system.create())
    assert (video["status"], video["metadata"]["provider"]) == ("completed", "aimlapi")
    assert video["metadata"]["executed_model"] == "aimlapi/grok-imagine-video"
    assert story(video) == [("fal", outcome, code), ("aimlapi", "completed", None)]
    assert system.arrived("fal") == 1
    assert system.only_paid("aimlapi").outcome == "completed"


@pytest.mark.parametrize(
    ("first", "refusal", "outcome", "code"),
    [
        ("aimlapi", answer(401, aimlapi_errors.no_key()), "refused", "provider_error"),
        ("aimlapi", answer(403, aimlapi_errors.out_of_credits()), "refused", "provider_balance_exhausted"),
        ("aimlapi", answer(429, aimlapi_errors.too_many()), "unavailable", None),
        ("xai", answer(401, xai_errors.error("unauthenticated", "No API key.")), "refused", "provider_error"),
        ("xai", answer(429, xai_errors.error("resource-exhausted", "Slow down.")), "unavailable", None),
    ],
)
def test_so_does_a_refusal_of_the_others(
    system: System, first: str, refusal: Do, outcome: str, code: str | None
) -> None:
    system.misbehave(first, Rule(on="submit", do=refusal, times=None))
    system.start(providers=(first, "fal"))
    video = system.wait(system.create())
    assert story(video) == [(first, outcome, code), ("fal", "completed", None)]
    assert system.only_paid("fal").charged == PRICE
    assert video["metadata"]["cost"] == PRICE / 1e6


def test_the_third_provider_makes_what_two_cannot(system: System) -> None:
    system.misbehave("fal", Rule(on="submit", do=LOCKED, times=None))
    system.misbehave("aimlapi", Rule(on="submit", do=answer(401, aimlapi_errors.no_key()), times=None))
    answered = system.gateway.http.post("/v1/videos", json={"prompt": "a calm sea", "seconds": 1, "resolution": "480p"})
    video = system.wait(answered.json()["id"])
    assert [each[0] for each in story(video)] == ["fal", "aimlapi", "xai"]
    headers = system.gateway.http.get(f"/v1/videos/{video['id']}").headers
    assert headers["x-reelgate-provider"] == "xai"
    assert headers["x-reelgate-model"] == "xai/grok-imagine-video"
    assert system.only_paid("xai").charged == PRICE


def test_a_job_that_no_provider_takes_fails_and_costs_nothing(system: System) -> None:
    system.misbehave("fal", Rule(on="submit", do=LOCKED, times=None))
    system.misbehave("aimlapi", Rule(on="submit", do=answer(401, aimlapi_errors.no_key()), times=None))
    refused = answer(401, xai_errors.error("unauthenticated", "No API key."))
    system.misbehave("xai", Rule(on="submit", do=refused, times=None))
    video = system.wait(system.create())
    assert (video["status"], video["error"]["code"]) == ("failed", "all_providers_failed")
    assert [each[:2] for each in story(video)] == [(name, "refused") for name in ("fal", "aimlapi", "xai")]
    assert (system.paid(), video["metadata"]["cost"]) == ({}, None)


def test_a_busy_first_provider_is_waited_for_when_the_second_has_no_money(system: System) -> None:
    system.misbehave("fal", Rule(on="submit", do=BUSY, times=2))
    system.misbehave("aimlapi", Rule(on="submit", do=answer(403, aimlapi_errors.out_of_credits()), times=None))
    system.start(providers=("fal", "aimlapi"))
    video_id = system.create()
    for rounds in (1, 2):
        system.until(partial(times_asked, system, rounds))
        system.until(partial(told, system, video_id, "aimlapi", "refused"))
        assert system.get(video_id)["status"] == "queued"
        system.advance(60)
    video = system.wait(video_id)
    assert sorted(story(video)) == [
        ("aimlapi", "refused", "provider_balance_exhausted"),
        ("fal", "completed", None),
        ("fal", "unavailable", None),
    ]
    assert system.only_paid("fal").charged == PRICE
    assert system.arrived("aimlapi") == 1


@pytest.mark.parametrize("others", [(), ("aimlapi",)])
def test_who_was_busy_and_then_has_no_money_is_not_asked_again_and_the_balance_is_the_error(
    system: System, others: tuple[str, ...]
) -> None:
    system.misbehave("fal", Rule(on="submit", do=BUSY, times=1), Rule(on="submit", do=LOCKED, times=None))
    system.misbehave("aimlapi", Rule(on="submit", do=answer(403, aimlapi_errors.out_of_credits()), times=None))
    system.start(providers=("fal", *others))
    video_id = system.create()
    system.until(partial(told, system, video_id, "fal", "unavailable"))
    system.advance(60)
    video = system.wait(video_id)
    assert (video["status"], video["error"]["code"]) == ("failed", "provider_balance_exhausted")
    assert (system.arrived("fal"), system.arrived("aimlapi")) == (2, len(others))
    assert system.paid() == {}


def test_a_policy_refusal_of_a_submit_is_asked_of_nobody_else(system: System) -> None:
    flagged: JsonValue = {"loc": ["body", "prompt"], "msg": "flagged", "type": "content_policy_violation"}
    system.misbehave("fal", Rule(on="submit", do=answer(422, {"detail": [flagged]})))
    video = system.wait(system.create())
    assert (video["status"], video["error"]["code"]) == ("failed", "moderation_blocked")
    assert story(video) == [("fal", "refused", "moderation_blocked")]
    assert system.paid() == {}
    assert [system.arrived(name) for name in ("aimlapi", "xai")] == [0, 0]


def times_asked(system: System, times: int) -> bool:
    return system.arrived("fal") == times


def told(system: System, video_id: str, provider: str, outcome: str) -> bool:
    return (provider, outcome) in {each[:2] for each in story(system.get(video_id))}
