"""A provider that keeps failing is left alone for half a minute, and then tried with one request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.failover.system import story
from tests.upstreams.behaviour import Rule, answer, wait
from tests.upstreams.fal_checks import EXHAUSTED
from tests.upstreams.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import JsonValue

    from tests.failover.system import System

pytestmark = pytest.mark.thorough

MISTAKE: JsonValue = {"loc": ["body", "prompt"], "msg": "no such thing", "type": "value_error"}


@pytest.fixture
def broken(system: System, unused_port: int) -> Iterator[System]:
    """Return a system whose fal was down for five jobs and is up again, but its breaker is open."""
    system.settings["fal_queue_url"] = f"http://127.0.0.1:{unused_port}"
    video = system.wait(system.create(n=5))
    assert video["metadata"]["provider"] == "aimlapi"
    assert system.paid() == {"aimlapi": 5}
    with run(system.fal.app, unused_port):
        yield system


def test_five_faults_keep_the_next_job_away_from_the_broken_provider(broken: System) -> None:
    video = broken.wait(broken.create())
    assert story(video) == [("fal", "unavailable", None), ("aimlapi", "completed", None)]
    assert video["metadata"]["attempts"][0]["message"] == "fal is out of order"
    assert broken.arrived("fal") == 0
    assert broken.paid() == {"aimlapi": 6}


def test_after_half_a_minute_one_probe_closes_the_breaker(broken: System) -> None:
    broken.advance(31)
    broken.misbehave("fal", Rule(on="submit", do=wait()))
    probe = broken.create()
    broken.until(lambda: broken.arrived("fal") == 1)
    meanwhile = broken.wait(broken.create())
    assert meanwhile["metadata"]["provider"] == "aimlapi"
    assert broken.arrived("fal") == 1
    broken.fal.rules.release()
    assert story(broken.wait(probe)) == [("fal", "completed", None)]
    assert broken.wait(broken.create())["metadata"]["provider"] == "fal"
    assert broken.paid() == {"aimlapi": 6, "fal": 2}


def test_a_probe_that_is_refused_for_its_input_closes_it_too(broken: System) -> None:
    broken.advance(31)
    broken.misbehave("fal", Rule(on="submit", do=answer(422, {"detail": [MISTAKE]})))
    assert broken.wait(broken.create())["error"]["code"] == "invalid_input"
    assert broken.wait(broken.create())["metadata"]["provider"] == "fal"


def test_with_nobody_else_the_job_waits_for_the_broken_provider(broken: System) -> None:
    video_id = broken.create(model="fal/grok-imagine-video")
    broken.until(lambda: story(broken.get(video_id)) == [("fal", "unavailable", None)])
    broken.advance(5)  # and who knows how much has passed by itself
    assert broken.get(video_id)["status"] == "queued"
    assert broken.arrived("fal") == 0
    broken.advance(30)
    video = broken.wait(video_id)
    assert story(video) == [("fal", "unavailable", None), ("fal", "completed", None)]
    assert broken.paid() == {"aimlapi": 5, "fal": 1}


def test_five_submits_of_unknown_fate_open_it(system: System) -> None:
    system.misbehave("fal", Rule(on="submit", do=answer(500, {"detail": "Internal Server Error"}), times=5))
    system.create(n=5)
    system.until(lambda: not system.fal.rules.pending())
    video = system.wait(system.create())
    assert video["metadata"]["provider"] == "aimlapi"
    assert system.arrived("fal") == 5
    assert system.paid() == {"aimlapi": 1}


@pytest.mark.parametrize(
    ("status", "detail"),
    [(422, [MISTAKE]), (403, EXHAUSTED), (401, "No user found for the key"), (429, "Too many requests")],
)
def test_bad_inputs_an_empty_balance_a_wrong_key_or_too_much_work_never_open_it(
    system: System, status: int, detail: JsonValue
) -> None:
    system.misbehave("fal", Rule(on="submit", do=answer(status, {"detail": detail}), times=8))
    system.wait(system.create(n=8))
    assert system.arrived("fal") == 8
    assert system.wait(system.create())["metadata"]["provider"] == "fal"
    assert len(system.fal.ledger.paid()) == 1
