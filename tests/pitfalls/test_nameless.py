"""Defects of other gateways that nobody complained about in public; the names of the peers are in the docstrings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.pitfalls.bench import MODEL, REAL, at_least
from tests.upstreams.behaviour import Rule, answer, drip, wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pitfalls.bench import Bench
    from tests.serving import Running

ADMIN_KEY = "an-admin-key-of-the-pitfall-tests"


@pytest.mark.parametrize("provider", REAL)
def test_trouble_after_acceptance_never_hides_the_job(bench: Bench, provider: str) -> None:
    """Portkey: every 2xx of the videos routes became a 500, though the job was created upstream."""
    bench.rules(provider).add(Rule(on="status", do=answer(500, {"message": "oops"}), times=None))
    wanted = {"prompt": "kept", "seconds": 1, "model": f"{provider}/{MODEL}"}
    created = bench.main.http.post("/v1/videos", json=wanted)
    assert created.status_code == 200
    bench.sent(provider)
    seen = bench.main.http.get(f"/v1/videos/{created.json()['id']}")
    assert seen.json()["status"] in ("queued", "in_progress")
    bench.main.http.post(f"/v1/videos/{created.json()['id']}/cancel")


def test_a_film_that_drips_in_is_downloaded_once(bench: Bench) -> None:
    """new-api: content has a total timeout, and public caching although it needs a key."""
    bench.xai.rules.add(Rule(on="media", do=drip(1.0)))
    video = bench.main.finished(model=f"xai/{MODEL}")
    content = bench.main.http.get(f"/v1/videos/{video['id']}/content")
    assert content.headers["cache-control"].startswith("private")
    assert bench.calls("xai", "media") == 1


def test_cursors_never_reveal_anothers_videos(another: Callable[..., Running]) -> None:
    """Bifrost: the items of a list are filtered by owner, its cursors are not."""
    gateway = another(admin_key=ADMIN_KEY)
    admin = {"authorization": f"Bearer {ADMIN_KEY}"}
    keys = [gateway.http.post("/v1/keys", json={"name": name}, headers=admin).json()["key"] for name in "ab"]
    mine, theirs = ({"authorization": f"Bearer {key}"} for key in keys)
    made: list[dict[str, Any]] = []
    for owner in (mine, theirs, mine):
        wanted = {"prompt": "mine", "seconds": 1, "model": f"fal/{MODEL}"}
        made.append(gateway.http.post("/v1/videos", json=wanted, headers=owner).json())
    page = gateway.http.get("/v1/videos", params={"limit": 1}, headers=mine).json()
    assert (page["last_id"], page["has_more"]) == (made[2]["id"], True)
    following = gateway.http.get("/v1/videos", params={"after": page["last_id"]}, headers=mine).json()
    assert [video["id"] for video in following["data"]] == [made[0]["id"]]
    foreign = gateway.http.get("/v1/videos", params={"after": made[1]["id"]}, headers=mine).json()
    assert (foreign["data"], foreign["has_more"]) == ([], False)


def test_n_submits_are_in_flight_at_once(bench: Bench) -> None:
    """LLMGateway: n other than 1 is refused; here none of the four waits for another."""
    bench.fal.rules.add(Rule(on="submit", do=wait(), times=4))
    video_id = bench.main.create(model=f"fal/{MODEL}", n=4)["id"]
    at_least(4, lambda: bench.calls("fal", "submit"))
    assert bench.paid() == []
    bench.fal.rules.release()
    assert bench.main.wait(video_id)["status"] == "completed"
    assert len(bench.paid()) == 4


def test_an_idempotency_key_with_another_body_is_refused(bench: Bench) -> None:
    """Otari has it right: a replay says so, and another body under the same key is 422."""
    wanted = {"prompt": "first", "seconds": 1, "model": f"fal/{MODEL}"}
    headers = {"idempotency-key": "nameless"}
    first = bench.main.http.post("/v1/videos", json=wanted, headers=headers)
    other = bench.main.http.post("/v1/videos", json={**wanted, "prompt": "second"}, headers=headers)
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_mismatch")
    assert bench.main.wait(first.json()["id"])["status"] == "completed"
    assert len(bench.paid()) == 1
