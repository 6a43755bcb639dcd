"""Complaints 9 to 16 about other gateways: words that no client knows, jobs that never end, jobs that restarts lose."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.cli.processes import served
from tests.pitfalls.bench import MODEL, PUBLIC, REAL, at_least
from tests.upstreams.behaviour import Rule, accept_then, answer, fail, hang, never, no_video, shape, slow

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.cli.processes import Served
    from tests.pitfalls.bench import Bench
    from tests.serving import Running
    from tests.upstreams.behaviour import Do

WORDS = ("waiting", "NOT_START", "pending", "submitted", "preparing", "processing", "running", "IN_PROGRESS")
DONE = ("succeeded", "success", "done", "COMPLETED")


def watched(gateway: Running, video_id: str) -> list[dict[str, Any]]:
    """Poll a video to its end as fast as the gateway answers, and return everything seen."""
    seen: list[dict[str, Any]] = []
    deadline = time.monotonic() + 60
    while not seen or seen[-1]["status"] in ("queued", "in_progress"):
        assert time.monotonic() < deadline
        seen.append(gateway.http.get(f"/v1/videos/{video_id}").raise_for_status().json())
        time.sleep(0.02)
    return seen


@pytest.mark.parametrize("word", WORDS)
def test_clients_see_openais_four_statuses_only(bench: Bench, word: str) -> None:
    """Complaint 9: a word like NOT_START comes through, and the SDK's polling ends with an error."""
    bench.aimlapi.rules.add(Rule(on="job", do=shape(words={"queued": word, "generating": word})))
    seen = watched(bench.main, bench.main.create(model=f"aimlapi/{MODEL}")["id"])
    assert {video["status"] for video in seen} <= set(PUBLIC)
    assert {output["status"] for video in seen for output in video["outputs"]} <= set(PUBLIC)
    assert seen[-1]["status"] == "completed"


@pytest.mark.parametrize("word", WORDS)
def test_a_strange_word_of_fal_is_not_passed_on(bench: Bench, word: str) -> None:
    """Complaint 9: as above, for a queue that invents words."""
    bench.fal.rules.add(Rule(on="status", do=answer(202, {"status": word}), times=2))
    seen = watched(bench.main, bench.main.create(model=f"fal/{MODEL}")["id"])
    assert {video["status"] for video in seen} <= set(PUBLIC)
    assert seen[-1]["status"] == "completed"


@pytest.mark.parametrize("word", DONE)
def test_every_word_for_success_is_completed(bench: Bench, word: str) -> None:
    """Complaint 10: succeeded comes through, the client polls to its timeout although the video is there."""
    bench.aimlapi.rules.add(Rule(on="job", do=shape(words={"completed": word})))
    assert bench.main.finished(model=f"aimlapi/{MODEL}")["progress"] == 100


def test_success_without_any_word_is_completed(bench: Bench) -> None:
    """Complaint 10: a finished answer of xAI that has a video and no status."""
    bench.xai.rules.add(Rule(on="job", do=shape(done="bare")))
    assert bench.main.finished(model=f"xai/{MODEL}")["progress"] == 100


def test_a_completed_video_has_content_after_the_provider_forgot_it(bench: Bench) -> None:
    """Complaint 11: the status says completed while the content is gone."""
    video = bench.main.finished(model=f"fal/{MODEL}")
    bench.fal.jobs.clear()
    again = bench.main.http.get(f"/v1/videos/{video['id']}").json()
    assert (again["status"], again["expires_at"]) == ("completed", None)
    assert bench.main.http.get(f"/v1/videos/{video['id']}/content").status_code == 200
    bench.main.http.delete(f"/v1/videos/{video['id']}")
    answers = [bench.main.http.get(f"/v1/videos/{video['id']}{path}") for path in ("", "/content")]
    assert [answer.json()["error"]["code"] for answer in answers] == ["video_not_found"] * 2


@pytest.mark.parametrize("provider", REAL)
def test_progress_rises_and_is_100_at_the_end_only(bench: Bench, provider: str) -> None:
    """Complaint 12: progress cannot be read, or stays at 0 when the video is done."""
    bench.rules(provider).add(Rule(on="job", do=slow(1000)))
    path = f"/v1/videos/{bench.main.create(model=f'{provider}/{MODEL}')['id']}"
    seen: list[dict[str, Any]] = []

    def look() -> dict[str, Any]:
        seen.append(bench.main.http.get(path).raise_for_status().json())
        return seen[-1]

    at_least(1, lambda: look()["status"] == "in_progress")
    bench.advance(provider, 500)
    at_least(1, lambda: 0 < look()["progress"] < 100)
    bench.advance(provider, 1000)
    at_least(1, lambda: look()["status"] not in ("queued", "in_progress"))
    bench.advance(provider, -1500)  # other tests share it
    progress = [video["progress"] for video in seen]
    assert progress == sorted(progress)
    assert [number == 100 for number in progress] == [video["status"] == "completed" for video in seen]
    assert seen[-1]["status"] == "completed"


def test_a_job_that_never_ends_upstream_ends_here(bench: Bench, another: Callable[..., Running]) -> None:
    """Complaints 12 and 14: a stuck job stays running for ever; the end has a reason."""
    gateway = another(job_timeout_seconds=1)
    bench.fal.rules.add(Rule(on="job", do=never()))
    began = time.monotonic()
    video = gateway.wait(gateway.create(model=f"fal/{MODEL}")["id"])
    assert (video["status"], video["error"]["code"]) == ("failed", "timeout")
    assert time.monotonic() - began < 40
    assert len(bench.fal.ledger.paid()) == 1


def process(bench: Bench, folder: Path, **more: str) -> AbstractContextManager[Served]:
    """Serve from a process of its own, which can be killed, in front of the fakes."""
    return served(folder, **bench.environment, REELGATE_POLL_SECONDS="0.1", **more)


def ordered(gateway: Served, prompt: str) -> str:
    wanted = {"prompt": prompt, "seconds": 1, "resolution": "480p"}
    return str(httpx.post(f"{gateway.url}/v1/videos", json=wanted, timeout=60).raise_for_status().json()["id"])


def ended(gateway: Served, video_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        video: dict[str, Any] = httpx.get(f"{gateway.url}/v1/videos/{video_id}", timeout=60).raise_for_status().json()
        if video["status"] in ("completed", "failed"):
            return video
        time.sleep(0.1)
    raise AssertionError("the video did not end")


def test_a_killed_gateway_goes_on_polling_what_it_paid_for(bench: Bench, tmp_path: Path) -> None:
    """Complaint 13: a restart forgets an accepted job, or orders it once more."""
    bench.fal.rules.add(Rule(on="job", do=slow(2.0)))
    with process(bench, tmp_path) as gateway:
        video_id = ordered(gateway, "killed while it runs")
        at_least(1, lambda: bench.calls("fal", "status"))
        gateway.process.kill()
    with process(bench, tmp_path) as gateway:
        assert ended(gateway, video_id)["status"] == "completed"
    assert len(bench.paid()) == 1


@pytest.mark.parametrize("listed", [True, False])
def test_a_gateway_killed_before_the_answer_never_orders_twice(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, listed: bool
) -> None:
    """Complaint 13: the provider accepted, the gateway died before it knew: a second order would be paid twice."""
    monkeypatch.setattr(bench.fal.settings, "list_lag", 0 if listed else 3600)
    bench.fal.rules.add(Rule(on="submit", do=accept_then(hang())))
    with process(bench, tmp_path, REELGATE_SETTLE_SECONDS="0") as gateway:
        video_id = ordered(gateway, "killed in between")
        at_least(1, lambda: len(bench.paid()))
        gateway.process.kill()
    with process(bench, tmp_path, REELGATE_SETTLE_SECONDS="0") as gateway:
        video = ended(gateway, video_id)
    if listed:
        assert (video["status"], video["error"]) == ("completed", None)
    else:
        assert (video["status"], video["error"]["code"]) == ("failed", "submission_unknown")
    assert len(bench.paid()) == 1


@pytest.mark.parametrize(
    ("provider", "do", "code"),
    [
        ("fal", fail(), "moderation_blocked"),
        ("aimlapi", fail(error_type="content_policy_violation", error="flagged"), "moderation_blocked"),
        ("xai", shape(moderated="failed"), "moderation_blocked"),
        ("xai", shape(moderated="refused"), "moderation_blocked"),
        ("xai", shape(moderated="flag"), "moderation_blocked"),
    ],
)
def test_a_refusal_that_comes_late_ends_the_job_with_its_reason(bench: Bench, provider: str, do: Do, code: str) -> None:
    """Complaint 14: the provider refuses after accepting, and the job is polled for ever."""
    bench.rules(provider).add(Rule(on="job", do=do))
    video = bench.main.wait(bench.main.create(model=f"{provider}/{MODEL}")["id"])
    assert (video["status"], video["error"]["code"]) == ("failed", code)
    assert video["error"]["message"]
    assert bench.main.http.get(f"/v1/videos/{video['id']}/content").json()["error"]["code"] == "video_not_ready"


@pytest.mark.parametrize("provider", REAL)
def test_success_without_a_video_is_a_failure(bench: Bench, provider: str) -> None:
    """Complaint 15: the job is completed, and there is no URL."""
    bench.rules(provider).add(Rule(on="job", do=no_video()))
    video = bench.main.wait(bench.main.create(model=f"{provider}/{MODEL}")["id"])
    assert (video["status"], video["error"]["code"], video["url"]) == ("failed", "provider_error", None)
    assert "video" in video["error"]["message"]


def test_fals_completed_is_believed_only_after_its_result(bench: Bench) -> None:
    """Complaint 16: COMPLETED whose result is a 422 is a failure, and its billed units cost money."""
    bench.fal.rules.add(Rule(on="job", do=fail(units=2)))
    video = bench.main.wait(bench.main.create(model=f"fal/{MODEL}")["id"])
    assert (video["status"], video["error"]["code"]) == ("failed", "moderation_blocked")
    assert video["metadata"]["cost"] == 0.1
    assert bench.fal.ledger.charged() == 100_000


def test_fals_completed_with_an_error_field_is_a_failure(bench: Bench) -> None:
    """Complaint 16: COMPLETED may carry error and error_type as well."""
    do = fail(504, {"detail": "Runner timed out"}, error="Runner timed out", error_type="startup_timeout")
    bench.fal.rules.add(Rule(on="job", do=do))
    video = bench.main.wait(bench.main.create(model=f"fal/{MODEL}")["id"])
    assert video["status"] == "failed"
    assert not video["metadata"]["cost"]
