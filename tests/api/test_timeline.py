"""/videos/{id}/timeline: what happened to a video, when, at whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.api.timeline import Timeline
from tests.api.waiting import waits
from tests.upstreams import xai_errors
from tests.upstreams.behaviour import Rule, answer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.serving import Running


def timeline(gateway: Running, video_id: str) -> dict[str, Any]:
    found = gateway.http.get(f"/v1/videos/{video_id}/timeline")
    assert found.status_code == 200, found.text
    shown: dict[str, Any] = found.json()
    Timeline.model_validate(shown, strict=True)
    times = [step["at"] for step in shown["data"]]
    assert times == sorted(times)
    return shown


def test_every_step_of_every_output_is_told_in_its_order(gateway: Running) -> None:
    video = gateway.finished(n=2)
    shown = timeline(gateway, video["id"])
    assert (shown["video_id"], shown["mode"]) == (video["id"], "text-to-video")
    for index in (0, 1):
        mine = [(step["step"], step["provider"]) for step in shown["data"] if step["index"] == index]
        assert mine == [("submitted", "local"), ("accepted", "local"), ("completed", "local")]
    assert [step["step"] for step in shown["data"] if step["index"] is None] == ["queued"]
    assert int(shown["data"][0]["at"]) == video["created_at"]
    assert int(shown["data"][-1]["at"]) == video["completed_at"]


def test_a_pending_one_is_told_so_far_and_a_cancelled_one_to_its_end(tmp_path: Path) -> None:
    with waits(tmp_path) as server:
        video_id = server.create()
        assert [step["step"] for step in timeline(server.gateway, video_id)["data"]] == [
            "queued",
            "submitted",
            "accepted",
        ]
        server.cancel(video_id)
        last = timeline(server.gateway, video_id)["data"][-1]
        assert (last["step"], last["index"], last["provider"]) == ("failed", 0, "xai")


def test_a_refused_submission_and_the_provider_after_it_are_told(tmp_path: Path) -> None:
    with waits(tmp_path, providers=("xai", "local")) as server:
        locked = answer(403, xai_errors.error("forbidden", "This team is out of credits."))
        server.fake.rules.add(Rule(on="submit", do=locked, times=None))
        video = server.gateway.finished()
        told = [(step["step"], step["provider"]) for step in timeline(server.gateway, video["id"])["data"]]
    assert told[:3] == [("queued", None), ("submitted", "xai"), ("refused", "xai")]
    assert told[-1] == ("completed", "local")


def test_what_is_not_yours_is_not_found(gateway: Running) -> None:
    found = gateway.http.get("/v1/videos/video_of_nobody/timeline")
    assert (found.status_code, found.json()["error"]["code"]) == (404, "video_not_found")
