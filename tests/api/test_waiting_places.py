"""Places to wait are limited for each key: one that has taken all of its own leaves those of the others."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.api.holders import client, holder
from tests.api.waiting import until, waits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from tests.api.waiting import Waits

ADMIN_KEY = "an-admin-key-of-the-places-tests"
BODY = {"prompt": "a calm sea", "seconds": 1, "resolution": "480p"}
PLACES = 2  # of each key


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Waits]:
    with waits(tmp_path, admin_key=ADMIN_KEY) as running:
        monkeypatch.setattr(running.gateway.app.state.gateway.feed, "_most_of_one", PLACES)
        yield running


def create(http: httpx.Client) -> str:
    """Order a video, and return its id once the provider has it."""
    video_id = str(http.post("/v1/videos", json=BODY).json()["id"])
    until(lambda: http.get(f"/v1/videos/{video_id}").json()["status"] == "in_progress")
    return video_id


def test_a_key_that_has_taken_its_places_is_told_and_leaves_those_of_others(server: Waits) -> None:
    with (
        client(server.gateway, ADMIN_KEY) as admin,
        holder(server.gateway, admin) as greedy,
        holder(server.gateway, admin) as other,
    ):
        path = f"/v1/videos/{create(greedy)}"
        with greedy.stream("GET", f"{path}/events"), greedy.stream("GET", f"{path}/events"):
            until(lambda: server.waiting == PLACES)
            began = time.monotonic()
            held = greedy.get(f"{path}?wait=50")
            assert (held.json()["status"], time.monotonic() - began < 20) == ("in_progress", True)
            refused = greedy.get(f"{path}/events")
            assert (refused.status_code, refused.json()["error"]["code"]) == (429, "concurrency_limit_exceeded")
            assert refused.headers["retry-after"] == "5"
            assert f"{PLACES} clients of this API key wait" in refused.json()["error"]["message"]
            with other.stream("GET", f"/v1/videos/{create(other)}/events") as events:
                assert events.status_code == 200
                until(lambda: server.waiting == PLACES + 1)
        until(lambda: server.waiting == 0)
        with greedy.stream("GET", f"{path}/events") as events:
            assert events.status_code == 200
