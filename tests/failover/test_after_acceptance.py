"""Something goes wrong after a provider took the job: what was or may be charged is never ordered a second time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.failover.system import PRICE, story
from tests.upstreams import aimlapi_errors, xai_errors
from tests.upstreams.behaviour import Do, Rule, answer, fail, half, html, shape

if TYPE_CHECKING:
    from pydantic import JsonValue

    from tests.failover.system import System

pytestmark = pytest.mark.thorough

SICK = {
    "fal": answer(500, {"detail": "Internal Server Error"}),
    "aimlapi": answer(500, aimlapi_errors.error(500, "Internal server error")),
    "xai": answer(500, xai_errors.error("internal", "Internal error")),
}


@pytest.mark.parametrize("first", ["fal", "aimlapi", "xai"])
def test_a_minute_of_500_on_polls_ends_in_one_paid_video(system: System, first: str) -> None:
    system.misbehave(first, Rule(on="status", do=SICK[first], times=12))  # every 5 s for a minute
    system.start(providers=(first, *(other for other in ("fal", "aimlapi", "xai") if other != first)))
    video = system.outlast(system.create())
    assert not system.fakes[first].rules.pending()
    assert video["status"] == "completed"
    assert story(video) == [(first, "completed", None)]
    assert system.only_paid(first).outcome == "completed"


INFRA = {
    "fal": fail(500, {"detail": "Runner died", "error_type": "runner_server_error"}, error_type="runner_server_error"),
    "aimlapi": fail(error="Internal server error"),
    "xai": fail(error_type="internal_error", error="Try again."),
}


@pytest.mark.parametrize("first", ["fal", "aimlapi", "xai"])
def test_a_failure_that_was_the_providers_own_and_free_is_made_up_for_by_the_next(system: System, first: str) -> None:
    second = "xai" if first == "fal" else "fal"
    system.misbehave(first, Rule(on="job", do=INFRA[first]))
    system.start(providers=(first, second))
    video = system.wait(system.create())
    assert (video["status"], video["metadata"]["provider"]) == ("completed", second)
    assert story(video) == [(first, "failed", "provider_error"), (second, "completed", None)]
    assert system.paid() == {first: 1, second: 1}
    assert system.charged() == {second: PRICE}
    assert video["metadata"]["cost"] == PRICE / 1e6


def test_when_every_provider_fails_at_it_nobody_is_asked_twice(system: System) -> None:
    for name, do in INFRA.items():
        system.misbehave(name, Rule(on="job", do=do, times=None))
    video = system.wait(system.create())
    assert video["error"]["code"] == "all_providers_failed"
    assert story(video) == [(name, "failed", "provider_error") for name in ("fal", "aimlapi", "xai")]
    assert system.paid() == {"fal": 1, "aimlapi": 1, "xai": 1}
    assert (system.charged(), video["metadata"]["cost"]) == ({}, 0)


def test_who_failed_at_a_job_is_not_asked_again_when_the_next_has_to_be_waited_for(system: System) -> None:
    system.misbehave("fal", Rule(on="job", do=INFRA["fal"], times=None))
    system.misbehave("xai", Rule(on="submit", do=answer(429, xai_errors.error("busy", "Slow down.")), times=2))
    system.start(providers=("fal", "xai"))
    video = system.outlast(system.create())
    assert video["status"] == "completed"
    assert system.paid() == {"fal": 1, "xai": 1}
    assert system.charged() == {"xai": PRICE}


@pytest.mark.parametrize(
    ("first", "do", "cost"),
    [
        ("fal", fail(), None),
        ("fal", fail(units=1.0), PRICE),
        ("xai", shape(moderated="flag"), PRICE),
        ("xai", shape(moderated="failed"), PRICE),
        ("xai", shape(moderated="refused"), PRICE),
    ],
)
def test_a_policy_refusal_goes_to_nobody_else_and_shows_what_it_cost(
    system: System, first: str, do: Do, cost: int | None
) -> None:
    system.misbehave(first, Rule(on="job", do=do))
    system.start(providers=(first, "fal" if first == "xai" else "xai"))
    video = system.wait(system.create())
    assert (video["status"], video["error"]["code"]) == ("failed", "moderation_blocked")
    assert story(video) == [(first, "failed", "moderation_blocked")]
    assert system.only_paid(first).charged == (cost or 0)
    assert video["metadata"]["cost"] == (None if cost is None else cost / 1e6)


def test_a_failure_that_was_charged_is_not_made_up_for_by_another(system: System) -> None:
    body: JsonValue = {"detail": "Bad luck", "error_type": "internal_error"}
    system.misbehave("fal", Rule(on="job", do=fail(422, body, error_type="internal_error", units=1.0)))
    video = system.wait(system.create())
    assert (video["status"], video["error"]["code"]) == ("failed", "provider_error")
    assert system.only_paid("fal").charged == PRICE
    assert video["metadata"]["cost"] == PRICE / 1e6
    assert video["metadata"]["attempts"][0]["cost"] == PRICE / 1e6


def test_nor_is_one_of_xai_that_billed_half(system: System) -> None:
    system.misbehave("xai", Rule(on="job", do=fail(error_type="internal_error", error="Sorry.", units=0.5)))
    system.start(providers=("xai", "fal"))
    video = system.wait(system.create())
    assert video["error"]["code"] == "provider_error"
    assert system.only_paid("xai").charged == PRICE // 2
    assert video["metadata"]["cost"] == PRICE / 2e6


@pytest.mark.parametrize("trouble", [answer(404, "Not Found"), half(short=True), half(), html(502)])
@pytest.mark.parametrize("first", ["fal", "aimlapi", "xai"])
def test_a_download_that_fails_is_repeated_and_never_the_job(system: System, first: str, trouble: Do) -> None:
    system.misbehave(first, Rule(on="media", do=trouble, times=2))
    system.start(providers=(first, "fal" if first == "xai" else "xai"))
    video = system.outlast(system.create())
    assert video["status"] == "completed"
    assert story(video) == [(first, "completed", None)]
    assert system.only_paid(first).outcome == "completed"
    assert system.arrived(first, "media") == 3
    assert system.gateway.http.get(f"/v1/videos/{video['id']}/content").content[4:8] == b"ftyp"


def test_a_result_that_can_never_be_had_fails_with_its_cost_and_is_ordered_from_nobody_else(system: System) -> None:
    system.misbehave("fal", Rule(on="media", do=answer(404, "Not Found"), times=None))
    video = system.outlast(system.create())
    assert video["error"]["code"] == "media_unavailable"
    assert story(video) == [("fal", "failed", "media_unavailable")]
    assert system.only_paid("fal").charged == PRICE
    assert video["metadata"]["cost"] == PRICE / 1e6
