"""Server-sent events of all of a key's videos: each that is made, moves, ends or is deleted, and of nobody else's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from app.api import events, schemas
from app.services import following
from tests.api.holders import client, make
from tests.api.waiting import LONG, Reader, two_replicas, until, waits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.api.waiting import Event, Waits

ADMIN_KEY = "an-admin-key-of-the-events-tests"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waits]:
    with waits(tmp_path_factory.mktemp("events"), admin_key=ADMIN_KEY) as running:
        running.gateway.http.headers["authorization"] = f"Bearer {ADMIN_KEY}"
        yield running


def ready(server: Waits, key: str = ADMIN_KEY, query: str = "") -> Reader:
    """Follow all videos of a key, and wait until every change is told."""
    reader = Reader(server.gateway, None, query, authorization=f"Bearer {key}")
    assert [event.name for event in reader.wait(1)] == ["videos.ready"]
    return reader


def names(told: list[Event], video_id: str) -> list[str]:
    return [event.name for event in told if event.data.get("id") == video_id]


def test_a_video_is_told_of_from_its_creation_to_its_deletion(server: Waits) -> None:
    reader = ready(server)
    video_id = server.create(prompt="two lines\nand a ✓")
    until(lambda: "video.in_progress" in names(reader.events, video_id))
    server.fake.clock.advance(LONG / 2)
    until(lambda: reader.events[-1].data.get("progress"))
    server.end_all()
    until(lambda: "video.completed" in names(reader.events, video_id))
    assert reader.events[-1].data == server.get(video_id)
    server.gateway.http.delete(f"/v1/videos/{video_id}")
    until(lambda: "video.deleted" in names(reader.events, video_id))
    told = reader.events[1:]
    for event in told[:-1]:
        schemas.VideoObject.model_validate(event.data, strict=True)
        assert event.name == f"video.{event.data['status']}"
    assert told[-1].data == {"id": video_id, "object": "video.deleted", "deleted": True}
    assert names(told, video_id)[-3:] == ["video.in_progress", "video.completed", "video.deleted"]
    progress = [event.data["progress"] for event in told[:-1]]
    assert progress == sorted(progress)
    assert len(set(progress)) >= 3
    assert reader.response is not None
    assert reader.response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reader.response.headers["cache-control"] == "no-store"


def test_one_stream_tells_of_every_video_and_of_each_end_once(server: Waits) -> None:
    reader = ready(server)
    made = [server.create(prompt=f"number {number}") for number in range(5)]
    for video_id in made:
        server.cancel(video_id)
    until(lambda: all("video.cancelled" in names(reader.events, video_id) for video_id in made))
    last = server.create(prompt="the last one")
    until(lambda: names(reader.events, last))
    for video_id in made:
        assert names(reader.events, video_id).count("video.cancelled") == 1
    server.cancel(last)


def test_nobody_hears_of_others_but_an_admin_who_asks_for_them(server: Waits) -> None:
    http = server.gateway.http
    owner, stranger = make(http, name="owner"), make(http, name="stranger")
    hears_own, hears_nothing = ready(server, owner["key"]), ready(server, stranger["key"])
    hears_own_only = ready(server)
    hears_owner, hears_all = (ready(server, query=f"?key_id={key_id}") for key_id in (owner["id"], "all"))
    with client(server.gateway, owner["key"]) as holder:
        video = holder.post("/v1/videos", json={"prompt": "mine"}).json()
        until(lambda: names(hears_own.events, video["id"]))
        until(lambda: names(hears_owner.events, video["id"]))
        until(lambda: names(hears_all.events, video["id"]))
        holder.post(f"/v1/videos/{video['id']}/cancel")
    for reader in (hears_own, hears_owner, hears_all):
        until(lambda: "video.cancelled" in names(reader.events, video["id"]))  # noqa: B023 - it is called at once
        assert reader.events[-1].data.get("key_id") == (None if reader is hears_own else owner["id"])
    schemas.OthersVideo.model_validate(hears_all.events[-1].data, strict=True)
    mine = server.create(prompt="the admin's own")
    until(lambda: names(hears_own_only.events, mine))
    until(lambda: names(hears_all.events, mine))
    assert video["id"] not in json.dumps([event.data for event in hears_own_only.events])
    assert mine not in json.dumps([event.data for event in hears_owner.events])
    assert [event.name for event in hears_nothing.events] == ["videos.ready"]
    server.cancel(mine)


def test_only_an_admin_may_ask_for_others(server: Waits) -> None:
    made = make(server.gateway.http)
    with client(server.gateway, made["key"]) as holder:
        for key_id in ("all", made["id"], "key_none"):
            answer = holder.get("/v1/videos/events", params={"key_id": key_id})
            error = answer.json()["error"]
            assert (answer.status_code, error["code"], error["param"]) == (403, "permission_denied", "key_id")


def test_a_stream_ends_with_its_key_and_when_an_admin_is_one_no_more(server: Waits) -> None:
    http = server.gateway.http
    revoked, demoted = make(http), make(http, role="admin")
    readers = ready(server, revoked["key"]), ready(server, demoted["key"], "?key_id=all")
    http.delete(f"/v1/keys/{revoked['id']}")
    readers[0].finish()
    http.patch(f"/v1/keys/{demoted['id']}", json={"role": "member"})
    server.cancel(server.create(prompt="not for one who is no admin"))
    assert [event.name for event in readers[1].finish()] == ["videos.ready"]


def test_silence_is_broken_by_comments(server: Waits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_KEEP_ALIVE_SECONDS", 0.05)
    reader = ready(server)
    until(lambda: len(reader.comments) >= 2)
    assert set(reader.comments) == {": keep-alive"}
    assert reader.retry == 1000


def test_one_follower_too_many_is_told_to_come_back(server: Waits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.gateway.app.state.gateway.feed, "_most", 0)
    answer = server.gateway.http.get("/v1/videos/events")
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "concurrency_limit_exceeded")
    assert answer.headers["retry-after"] == "5"


def test_a_stopping_gateway_ends_its_streams(tmp_path: Path) -> None:
    with waits(tmp_path) as server:
        reader = ready(server)
        assert server.waiting == 1
    assert [event.name for event in reader.finish()] == ["videos.ready"]


def test_a_replica_tells_of_all_that_another_one_does(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_LOOK_SECONDS", 0.1)
    with two_replicas(tmp_path, postgres_url) as (works, answers):
        reader = Reader(answers)
        reader.wait(1)
        video_id = works.create()
        until(lambda: "video.in_progress" in names(reader.events, video_id))
        seen = len(reader.events)
        works.fake.clock.advance(LONG / 2)
        reader.wait(seen + 1)
        works.end_all()
        until(lambda: "video.completed" in names(reader.events, video_id))
        works.gateway.http.delete(f"/v1/videos/{video_id}")
        until(lambda: "video.deleted" in names(reader.events, video_id))
        assert names(reader.events, video_id).count("video.completed") == 1
        short = works.create()
        works.cancel(short)
        until(lambda: "video.cancelled" in names(reader.events, short))
