"""Several outputs at a provider that makes one per request: each is ordered, paid and fails on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.failover.system import PRICE, story
from tests.upstreams.behaviour import Rule, answer, wait

if TYPE_CHECKING:
    from pydantic import JsonValue

    from tests.failover.system import System

MISTAKE: JsonValue = {"loc": ["body", "prompt"], "msg": "no such thing", "type": "value_error"}


def test_four_outputs_are_four_submits_in_flight_at_once(system: System) -> None:
    system.misbehave("fal", Rule(on="submit", do=wait(), times=4))  # arrived, and not yet accepted
    video_id = system.create(n=4)
    system.until(lambda: system.arrived("fal") == 4)
    assert system.paid() == {}
    system.fal.rules.release()
    video = system.wait(video_id)
    assert [output["status"] for output in video["outputs"]] == ["completed"] * 4
    assert system.paid() == {"fal": 4}
    assert system.charged() == {"fal": 4 * PRICE}
    assert video["metadata"]["cost"] == 4 * PRICE / 1e6
    assert len({paid.body["seed"] for paid in system.fal.ledger.paid() if "seed" in paid.body}) in {0, 4}


def test_when_one_of_four_is_refused_three_complete_with_three_urls(system: System) -> None:
    system.misbehave("fal", Rule(on="submit", do=wait(), times=3))
    system.misbehave("fal", Rule(on="submit", do=answer(422, {"detail": [MISTAKE]})))
    video_id = system.create(n=4)
    system.until(lambda: system.arrived("fal") == 4)
    system.fal.rules.release()
    video = system.wait(video_id)
    assert video["status"] == "completed"
    urls = [output["url"] for output in video["outputs"] if output["status"] == "completed"]
    assert len(set(urls)) == 3
    assert [system.gateway.http.get(url).status_code for url in urls] == [200] * 3
    (refused,) = [output for output in video["outputs"] if output["status"] == "failed"]
    assert refused["error"]["code"] == "invalid_input"
    assert sorted(story(video)) == [("fal", "completed", None)] * 3 + [("fal", "refused", "invalid_input")]
    assert system.paid() == {"fal": 3}
    assert system.charged() == {"fal": 3 * PRICE}
    assert [system.arrived(name) for name in ("aimlapi", "xai")] == [0, 0]


def test_outputs_of_one_video_may_come_from_different_providers(system: System) -> None:
    system.misbehave("fal", Rule(on="submit", do=answer(429, {"detail": "Too many requests"})))
    video = system.wait(system.create(n=2))
    assert [output["status"] for output in video["outputs"]] == ["completed"] * 2
    assert system.paid() == {"fal": 1, "aimlapi": 1}
    unavailable = [each["index"] for each in video["metadata"]["attempts"] if each["outcome"] == "unavailable"]
    completed = {each["index"]: each["provider"] for each in video["metadata"]["attempts"] if each["cost"] is not None}
    assert completed == {unavailable[0]: "aimlapi", 1 - unavailable[0]: "fal"}
