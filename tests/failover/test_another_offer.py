"""Another provider takes the job than was planned: the video says what that one makes of it, and never goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.failover.system import story
from tests.failover.test_refused_submits import LOCKED
from tests.upstreams import xai_errors
from tests.upstreams.behaviour import Rule, accept_then, answer, cut, fail

if TYPE_CHECKING:
    from tests.failover.system import System


def messages(video: dict[str, object]) -> list[str]:
    warnings = video["warnings"]
    assert isinstance(warnings, list)
    return [str(each["message"]) for each in warnings]


def test_a_shorter_length_of_the_second_provider_is_shown_and_warned_of(system: System) -> None:
    system.misbehave("fal", Rule(on="submit", do=LOCKED, times=None))
    planned = system.gateway.create(model="openai-sora-2", seconds=16, resolution="720p")
    assert planned["seconds"] == "16"
    assert "seconds" not in {each["param"] for each in planned["warnings"]}
    video = system.wait(str(planned["id"]))
    assert system.only_paid("aimlapi").body["duration"] == 12
    assert video["seconds"] == "12"
    assert ("seconds", "16", "12") in {(each["param"], each["requested"], each["used"]) for each in video["warnings"]}
    assert video["metadata"]["executed_model"] == "aimlapi/openai-sora-2"
    assert video["metadata"]["cost_estimate"] is None
    (price,) = [message for message in messages(video) if "price" in message]
    assert "aimlapi/openai-sora-2" in price


def test_a_lower_resolution_of_the_second_provider_is_warned_of_though_the_first_had_what_was_asked(
    system: System,
) -> None:
    system.misbehave("fal", Rule(on="submit", do=LOCKED, times=None))
    planned = system.gateway.create(model="veo-3.1", resolution="4k", seconds=8)
    assert "resolution" not in {each["param"] for each in planned["warnings"]}
    video = system.wait(str(planned["id"]))
    assert system.only_paid("aimlapi").body["resolution"] == "1080p"
    assert ("resolution", "1080p") in {(each["param"], each["used"]) for each in video["warnings"]}


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_planned_offer_that_is_taken_is_shown_as_planned(system: System, outputs: int) -> None:
    planned = system.gateway.create(n=outputs, seconds=2)
    video = system.wait(str(planned["id"]))
    assert (video["seconds"], video["warnings"]) == (planned["seconds"], planned["warnings"])
    assert video["metadata"]["cost_estimate"] == planned["metadata"]["cost_estimate"]


def test_an_output_that_was_in_progress_is_never_queued_again(system: System) -> None:
    broken = fail(500, {"detail": "Runner died", "error_type": "runner_server_error"}, error_type="runner_server_error")
    system.misbehave("fal", Rule(on="job", do=broken))
    busy = answer(429, xai_errors.error("busy", "Slow down."))
    system.misbehave("xai", Rule(on="submit", do=busy, times=1))
    system.start(providers=("fal", "xai"))
    video_id = system.create()
    seen: list[dict[str, Any]] = []

    def put_off() -> bool:
        seen.append(system.get(video_id))
        return ("xai", "unavailable", None) in story(seen[-1])

    system.until(put_off)
    waiting = seen[-1]
    assert (waiting["status"], waiting["outputs"][0]["status"]) == ("in_progress", "in_progress")
    system.advance(60)
    assert system.wait(video_id)["outputs"][0]["status"] == "completed"


def test_an_order_that_cannot_be_built_is_surely_unsent_and_goes_to_the_next(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a mistake of ours")

    monkeypatch.setattr("app.providers.fal.adapter.build_payload", broken)
    system.start(providers=("fal", "xai"))
    video = system.wait(system.create())
    assert story(video) == [("fal", "refused", "provider_error"), ("xai", "completed", None)]
    assert (system.arrived("fal"), system.paid()) == (0, {"xai": 1})
    assert "mistake" not in str(video)


def test_what_the_first_provider_took_and_nobody_heard_of_is_shown_as_the_firsts(system: System) -> None:
    system.misbehave("fal", Rule(on="submit", do=accept_then(cut())))
    video_id = system.create()
    system.until(lambda: system.paid() == {"fal": 1})
    assert system.outlast(video_id)["metadata"]["executed_model"] == "fal/grok-imagine-video"
