"""Which offer is tried first: by the operator's order, by price or by observed time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.failover.system import PRICE, story
from tests.upstreams.behaviour import Rule, answer, slow

if TYPE_CHECKING:
    from tests.failover.system import System


def test_by_default_the_operators_order_counts(system: System) -> None:
    system.start(providers=("xai", "fal", "aimlapi"))
    assert system.wait(system.create())["metadata"]["provider"] == "xai"
    assert system.paid() == {"xai": 1}


def test_a_pinned_provider_is_the_only_one_tried(system: System) -> None:
    system.misbehave("fal", Rule(on="submit", do=answer(401, {"detail": "No user found"})))
    video = system.wait(system.create(model="fal/grok-imagine-video"))
    assert (video["error"]["code"], story(video)) == ("provider_error", [("fal", "refused", "provider_error")])
    assert system.paid() == {}


def test_cheapest_takes_the_one_whose_price_is_known_and_says_its_price(system: System) -> None:
    system.start(providers=("aimlapi", "xai"), routing="cheapest")
    asked = {"prompt": "a calm sea", "seconds": 1, "resolution": "480p"}
    estimate = system.gateway.http.post("/v1/videos?dryRun=true", json=asked).json()
    assert (estimate["provider"], estimate["total_cost_micros"]) == ("xai", PRICE)
    video = system.wait(system.create())
    assert video["metadata"]["provider"] == "xai"
    assert video["metadata"]["cost_estimate"] == PRICE / 1e6
    assert video["model"] == "grok-imagine-video"
    assert system.only_paid("xai").charged == PRICE


def test_fastest_leaves_the_one_that_was_seen_to_be_slow(system: System) -> None:
    system.misbehave("fal", Rule(on="job", do=slow(1000)))
    system.start(providers=("fal", "aimlapi"), routing="fastest")
    video_id = system.create()
    system.until(lambda: system.get(video_id)["status"] == "in_progress")
    system.advance(1000)
    system.fal.clock.advance(1001)
    assert system.wait(video_id)["metadata"]["provider"] == "fal"
    assert system.wait(system.create())["metadata"]["provider"] == "aimlapi"
    assert system.wait(system.create())["metadata"]["provider"] == "aimlapi"
    assert system.paid() == {"fal": 1, "aimlapi": 2}
