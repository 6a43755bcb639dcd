"""What a client gives up is stopped at the provider, where it can be."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.upstreams.behaviour import Rule, answer, never, slow, wait

if TYPE_CHECKING:
    from tests.failover.system import System


def running(system: System, **fields: object) -> str:
    """Return a video whose job fal works on for ever."""
    system.fal.settings.cancels_running = True
    system.misbehave("fal", Rule(on="job", do=never(), times=None))
    video_id = system.create(**fields)
    system.until(lambda: system.get(video_id)["status"] == "in_progress")
    return video_id


def outcomes(system: System) -> list[str]:
    return [paid.outcome for paid in system.fal.ledger.paid()]


def cancelled_later(system: System) -> bool:
    system.advance(10)
    return outcomes(system) == ["cancelled"]


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_cancel_reaches_the_provider(system: System, outputs: int) -> None:
    video_id = running(system, n=outputs)
    system.until(lambda: system.paid() == {"fal": outputs})
    cancelled = system.gateway.http.post(f"/v1/videos/{video_id}/cancel").json()
    assert (cancelled["id"], cancelled["status"], cancelled["error"]["code"]) == (video_id, "failed", "cancelled")
    system.until(lambda: outcomes(system) == ["cancelled"] * outputs)
    assert system.arrived("fal", "cancel") == outputs
    assert system.paid() == {"fal": outputs}


def test_a_delete_reaches_the_provider_too(system: System) -> None:
    video_id = running(system)
    assert system.gateway.http.delete(f"/v1/videos/{video_id}").json()["deleted"] is True
    system.until(lambda: outcomes(system) == ["cancelled"])
    assert system.arrived("fal", "cancel") == 1
    assert system.gateway.http.get(f"/v1/videos/{video_id}").status_code == 404


def test_a_cancel_while_the_submit_is_under_way_reaches_the_provider_afterwards(system: System) -> None:
    system.fal.settings.cancels_running = True
    system.misbehave("fal", Rule(on="submit", do=wait()), Rule(on="job", do=never()))
    video_id = system.create()
    system.until(lambda: system.arrived("fal") == 1)
    system.gateway.http.post(f"/v1/videos/{video_id}/cancel")
    assert system.paid() == {}
    system.fal.rules.release()
    system.until(lambda: outcomes(system) == ["cancelled"])
    assert system.arrived("fal", "cancel") == 1
    assert system.get(video_id)["error"]["code"] == "cancelled"


def test_a_cancel_that_the_provider_could_not_take_is_sent_again(system: System) -> None:
    video_id = running(system)
    system.misbehave("fal", Rule(on="cancel", do=answer(500, {"detail": "Internal Server Error"})))
    system.gateway.http.post(f"/v1/videos/{video_id}/cancel")
    system.until(lambda: system.arrived("fal", "cancel") == 1)
    system.until(partial(cancelled_later, system))
    assert system.arrived("fal", "cancel") == 2


@pytest.mark.parametrize("provider", ["aimlapi", "xai"])
def test_a_cancel_where_the_provider_has_none_ends_the_video_and_orders_nothing_more(
    system: System, provider: str
) -> None:
    system.misbehave(provider, Rule(on="job", do=never()))
    video_id = system.create(model=f"{provider}/grok-imagine-video")
    system.until(lambda: system.get(video_id)["status"] == "in_progress")
    cancelled = system.gateway.http.post(f"/v1/videos/{video_id}/cancel").json()
    assert cancelled["error"]["code"] == "cancelled"
    system.advance(60)
    assert system.get(video_id)["status"] == "failed"
    assert system.only_paid(provider).outcome == "pending"


def ended_upstream(system: System, provider: str, video_id: str) -> int:
    """Let the provider finish what was given up; return what it charged, once the video tells of it."""
    system.fakes[provider].clock.advance(1001)

    def booked() -> bool:
        system.advance(61)
        return system.get(video_id)["metadata"]["cost"] is not None

    system.until(booked)
    return system.charged()[provider]


@pytest.mark.parametrize("provider", ["aimlapi", "xai"])
def test_a_cancel_that_comes_too_late_books_what_the_provider_charges_in_the_end(system: System, provider: str) -> None:
    system.misbehave(provider, Rule(on="job", do=slow(1000)))
    video_id = system.create(model=f"{provider}/grok-imagine-video")
    system.until(lambda: system.get(video_id)["status"] == "in_progress")
    system.gateway.http.post(f"/v1/videos/{video_id}/cancel")
    charged = ended_upstream(system, provider, video_id)
    video = system.get(video_id)
    assert video["metadata"]["cost"] == charged / 1e6 > 0
    assert (video["status"], video["error"]["code"]) == ("failed", "cancelled")
    assert system.paid() == {provider: 1}


@pytest.mark.parametrize("provider", ["aimlapi", "xai"])
def test_a_video_that_timed_out_and_is_completed_later_stays_failed_and_its_cost_is_booked(
    system: System, provider: str
) -> None:
    system.misbehave(provider, Rule(on="job", do=slow(1000)))
    system.start(job_timeout_seconds=600)
    video_id = system.create(model=f"{provider}/grok-imagine-video")
    system.until(lambda: system.get(video_id)["status"] == "in_progress")
    system.advance(601)
    assert system.wait(video_id)["error"]["code"] == "timeout"
    charged = ended_upstream(system, provider, video_id)
    video = system.get(video_id)
    assert video["metadata"]["cost"] == charged / 1e6 > 0
    assert (video["status"], video["error"]["code"]) == ("failed", "timeout")
    assert system.paid() == {provider: 1}


def test_what_fal_cancels_in_its_queue_costs_nothing(system: System) -> None:
    system.fal.settings.queue = 1000
    video_id = system.create()
    system.until(lambda: system.get(video_id)["status"] == "in_progress")
    system.gateway.http.post(f"/v1/videos/{video_id}/cancel")
    system.until(lambda: outcomes(system) == ["cancelled"])
    system.fal.clock.advance(2000)
    system.advance(600)
    assert (system.charged(), system.get(video_id)["metadata"]["cost"]) == ({}, None)
