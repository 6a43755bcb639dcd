"""fal tells of the end by a signed callback; polls are an hour apart here, so nothing else can tell in time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.failover.doorway import Doorway
from tests.failover.system import PRICE, story
from tests.upstreams.behaviour import Do, Rule, accept_then, answer, cut, drop, duplicate, fail, forge, hang, late
from tests.upstreams.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.failover.system import System

HOUR = 3600


@pytest.fixture
def door(system: System) -> Iterator[Doorway]:
    """Return the address that fal calls back; the gateway behind it polls once an hour."""
    opened = Doorway(system)
    system.fal.settings.run = 1.5  # longer than the first poll waits
    with run(opened.app) as opened.url:
        system.start(public_url=opened.url, poll_seconds=HOUR)
        yield opened


def unsigned(video: dict[str, Any]) -> str:
    """Write a video down, but for its links, which are signed anew every hour."""
    return re.sub(r"expires=\d+&signature=\w+", "", str(video))


def test_a_callback_ends_the_job_without_waiting_for_the_next_poll(system: System, door: Doorway) -> None:
    video = system.wait(system.create())
    assert video["status"] == "completed"
    assert door.statuses() == [200]
    assert door.passed[0].path.startswith("/v1/callbacks/fal/sub_")
    asked = {call: system.arrived("fal", call) for call in ("submit", "status", "result", "media")}
    assert asked == {"submit": 1, "status": 0, "result": 1, "media": 1}
    assert system.only_paid("fal").charged == PRICE


def test_a_callback_about_a_failure_is_a_hint_and_the_truth_is_read(system: System, door: Doorway) -> None:
    system.misbehave("fal", Rule(on="job", do=fail()))
    video = system.wait(system.create())
    assert video["error"]["code"] == "moderation_blocked"
    assert door.statuses() == [200]
    assert [system.arrived("fal", call) for call in ("submit", "status", "result")] == [1, 1, 1]


def test_a_forged_callback_is_refused_and_changes_nothing(system: System, door: Doorway) -> None:
    system.misbehave("fal", Rule(on="callback", do=forge()))
    video_id = system.create()
    assert set(door.statuses(2)) == {403}
    assert system.get(video_id)["status"] == "in_progress"
    system.advance(HOUR + 1)
    assert system.wait(video_id)["status"] == "completed"
    assert system.only_paid("fal").charged == PRICE


def test_a_callback_that_never_comes_only_costs_time(system: System, door: Doorway) -> None:
    system.misbehave("fal", Rule(on="callback", do=drop()))
    video_id = system.create()
    system.until(lambda: [paid.outcome for paid in system.fal.ledger.paid()] == ["completed"])
    assert system.get(video_id)["status"] == "in_progress"
    system.advance(HOUR + 1)
    assert system.wait(video_id)["status"] == "completed"
    assert door.passed == []


def test_a_job_that_ended_while_nobody_was_up_is_asked_about_soon(system: System, door: Doorway) -> None:
    system.misbehave("fal", Rule(on="callback", do=drop()))
    video_id = system.create()
    system.until(lambda: system.get(video_id)["status"] == "in_progress")
    system.stop()
    system.until(lambda: [paid.outcome for paid in system.fal.ledger.paid()] == ["completed"])
    system.start(public_url=door.url, poll_seconds=HOUR)
    assert system.wait(video_id)["status"] == "completed"
    assert system.arrived("fal", "status") == 1
    assert system.only_paid("fal").charged == PRICE


def test_a_duplicate_callback_is_harmless(system: System, door: Doorway) -> None:
    system.misbehave("fal", Rule(on="callback", do=duplicate()))
    video = system.wait(system.create())
    assert door.statuses(2) == [200, 200]
    assert unsigned(system.get(video["id"])) == unsigned(video)
    assert system.arrived("fal", "media") == 1
    assert system.only_paid("fal").charged == PRICE


@pytest.mark.parametrize("path", ["fal/sub_unknown", "xai/{}", "nobody/{}", "local/{}"])
def test_a_genuine_callback_to_another_address_is_not_found(system: System, door: Doorway, path: str) -> None:
    system.wait(system.create())
    assert door.statuses() == [200]
    genuine = door.passed[0]
    submission = genuine.path.rpartition("/")[2]
    again = system.gateway.http.post(
        f"/v1/callbacks/{path.format(submission)}", content=genuine.body, headers=genuine.headers
    )
    assert again.status_code == 404


def test_a_genuine_callback_about_another_job_moves_nothing(system: System, door: Doorway) -> None:
    system.wait(system.create())
    assert door.statuses() == [200]
    system.fal.settings.run = 1000
    other = system.create()
    system.until(lambda: system.get(other)["status"] == "in_progress")
    submission = system.fal.ledger.paid()[1].request_id
    genuine = door.passed[0]
    path = next(job.webhook for job in system.fal.jobs.values() if job.id == submission and job.webhook)
    answered = system.gateway.http.post(path[path.index("/v1/") :], content=genuine.body, headers=genuine.headers)
    assert answered.status_code == 404
    assert system.get(other)["status"] == "in_progress"


@pytest.mark.parametrize("lost", [cut(), cut(reset=True), answer(500, {"detail": "Internal Server Error"}), hang()])
def test_a_submission_whose_answer_was_lost_is_adopted_by_its_callback(system: System, door: Doorway, lost: Do) -> None:
    system.misbehave("fal", Rule(on="submit", do=accept_then(lost)))
    video = system.wait(system.create())
    assert (video["status"], video["metadata"]["provider"]) == ("completed", "fal")
    assert story(video) == [("fal", "completed", None)]
    assert door.statuses() == [200]
    paid = system.only_paid("fal")
    assert video["metadata"]["upstream_id"] == paid.request_id
    assert video["metadata"]["cost"] == paid.charged / 1e6 == PRICE / 1e6
    assert system.arrived("fal") == 1


def test_two_that_say_the_same_adopt_their_own_by_their_callbacks(system: System, door: Doorway) -> None:
    system.misbehave("fal", Rule(on="submit", do=accept_then(cut()), times=2))
    ids = [system.create(), system.create()]
    assert [system.wait(video_id)["status"] for video_id in ids] == ["completed", "completed"]
    upstream_ids = {system.get(video_id)["metadata"]["upstream_id"] for video_id in ids}
    assert upstream_ids == {paid.request_id for paid in system.fal.ledger.paid()}
    assert (door.statuses(2), system.arrived("fal")) == ([200, 200], 2)


def test_a_callback_after_the_submission_was_given_up_adopts_it_all_the_same(system: System, door: Doorway) -> None:
    system.fal.settings.list_lag = 100 * HOUR
    system.misbehave("fal", Rule(on="submit", do=accept_then(cut())), Rule(on="callback", do=late(200)))
    video = system.outlast(system.create())
    assert video["error"]["code"] == "submission_unknown"
    system.fal.clock.advance(200)
    system.until(lambda: system.get(video["id"])["status"] == "completed")
    assert door.statuses() == [200]
    assert system.only_paid("fal").charged == PRICE
