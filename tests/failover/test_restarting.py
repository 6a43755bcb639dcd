"""The gateway stops and starts again on the same data while jobs run upstream: nothing is paid twice, all ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.failover.system import story
from tests.upstreams.behaviour import Rule, drip, slow, wait

if TYPE_CHECKING:
    from tests.failover.system import System

pytestmark = pytest.mark.thorough

NAMES = ("fal", "aimlapi", "xai")


def test_jobs_at_all_three_providers_survive_a_restart(system: System) -> None:
    for name in NAMES:
        system.misbehave(name, Rule(on="job", do=slow(1000), times=None))
    videos = {name: system.create(model=f"{name}/grok-imagine-video", n=2) for name in NAMES}
    system.until(lambda: system.paid() == dict.fromkeys(NAMES, 2))
    system.until(lambda: all(system.get(video)["status"] == "in_progress" for video in videos.values()))
    system.stop()
    for fake in system.fakes.values():
        fake.clock.advance(1001)  # they end while nobody looks
    system.start()
    for name, video_id in videos.items():
        video = system.wait(video_id)
        assert (video["status"], video["metadata"]["provider"]) == ("completed", name)
        assert story(video) == [(name, "completed", None)] * 2
    assert system.paid() == dict.fromkeys(NAMES, 2)
    assert [system.arrived(name) for name in NAMES] == [2, 2, 2]


@pytest.mark.parametrize("name", NAMES)
def test_a_restart_in_the_middle_of_a_submit_never_sends_it_again(
    system: System, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("app.services.engine._DRAIN_SECONDS", 0.05)  # the answer comes too late
    system.misbehave(name, Rule(on="submit", do=wait()))
    system.start(providers=(name, *(other for other in NAMES if other != name)))
    video_id = system.create()
    system.until(lambda: system.arrived(name) == 1)
    system.stop()
    system.fakes[name].rules.release()
    system.until(lambda: system.paid() == {name: 1})
    system.start(providers=(name, *(other for other in NAMES if other != name)))
    video = system.outlast(video_id)
    assert (video["error"] or {"code": None})["code"] == ("submission_unknown" if name == "xai" else None)
    assert system.arrived(name) == 1
    assert [system.arrived(other) for other in NAMES if other != name] == [0, 0]


def test_a_restart_in_the_middle_of_a_download_only_repeats_the_download(system: System) -> None:
    system.misbehave("fal", Rule(on="media", do=drip(20)))
    video_id = system.create()
    system.until(lambda: system.arrived("fal", "media") == 1)
    system.stop()
    system.start()
    video = system.wait(video_id)
    assert story(video) == [("fal", "completed", None)]
    assert system.only_paid("fal").outcome == "completed"
    assert system.arrived("fal", "media") == 2


def test_a_job_whose_provider_was_taken_away_waits_for_it_and_is_ordered_from_nobody_else(system: System) -> None:
    system.misbehave("fal", Rule(on="job", do=slow(1000)))
    video_id = system.create()
    system.until(lambda: system.get(video_id)["status"] == "in_progress")
    system.stop()
    system.start(providers=("aimlapi",))
    system.fal.clock.advance(1001)
    system.advance(100)
    assert system.get(video_id)["status"] == "in_progress"
    system.stop()
    system.start()
    system.advance(31)
    assert system.wait(video_id)["metadata"]["provider"] == "fal"
    assert system.only_paid("fal").outcome == "completed"
