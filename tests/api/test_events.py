"""Server-sent events: the state of a video at once, each change, its end, and then nobody is kept."""

from __future__ import annotations

import itertools
import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from app.api import events, schemas
from app.services import feed
from tests.api.waiting import LONG, NEVER, Reader, two_replicas, until, waits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.api.waiting import Waits


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waits]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "_LOOK_ALONE_SECONDS", NEVER)  # whoever waits is told, or these tests do not end
        with waits(tmp_path_factory.mktemp("events")) as running:
            yield running


def test_the_state_comes_at_once_then_each_change_then_the_end(server: Waits) -> None:
    video_id = str(server.gateway.create(prompt="two lines\nand a ✓")["id"])
    reader = Reader(server.gateway, video_id)
    reader.wait(1)
    until(lambda: server.get(video_id)["status"] == "in_progress")
    for _ in range(2):
        seen, before = len(reader.events), server.get(video_id)["progress"]
        server.fake.clock.advance(LONG / 5)
        until(lambda: server.get(video_id)["progress"] > before)  # noqa: B023 - it is called at once
        reader.wait(seen + 1)
    server.end_all()
    told = reader.finish()
    for event in told:
        schemas.VideoObject.model_validate(event.data, strict=True)
        assert event.data["prompt"] == "two lines\nand a ✓"
        assert event.name == f"video.{event.data['status']}"
    assert [event.name for event in told[-2:]] == ["video.in_progress", "video.completed"]
    progress = [event.data["progress"] for event in told]
    assert progress == sorted(progress)
    assert progress[-1] == 100
    assert all(one.data != other.data for one, other in itertools.pairwise(told))
    assert len({event.id for event in told}) == len(told)
    assert reader.retry == 1000
    assert reader.response is not None
    assert reader.response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reader.response.headers["cache-control"] == "no-store"
    until(lambda: server.waiting == 0)


def test_a_cancelled_video_ends_the_stream_as_its_webhook_is_called(server: Waits) -> None:
    video_id = server.create()
    reader = Reader(server.gateway, video_id)
    reader.wait(1)
    server.cancel(video_id)
    last = reader.finish()[-1]
    assert (last.name, last.data["status"], last.data["error"]["code"]) == ("video.cancelled", "failed", "cancelled")


def test_a_video_that_has_ended_is_told_once_and_nobody_comes_back_for_it(server: Waits) -> None:
    video_id = server.create()
    server.cancel(video_id)
    (only,) = Reader(server.gateway, video_id).finish()
    address = f"/v1/videos/{video_id}/events"
    again = server.gateway.http.get(address, headers={"last-event-id": only.id})
    assert (again.status_code, again.content) == (204, b"")
    (repeated,) = Reader(server.gateway, video_id, last_event_id="another state").finish()
    assert (repeated.name, repeated.id) == (only.name, only.id)


def test_who_comes_back_is_not_told_again_what_it_saw_last(server: Waits) -> None:
    video_id = server.create()
    first = Reader(server.gateway, video_id)
    (seen, *_) = first.wait(1)
    back = Reader(server.gateway, video_id, last_event_id=seen.id)
    until(lambda: server.waiting == 2)
    server.cancel(video_id)
    assert seen.id not in {event.id for event in back.finish()}
    assert back.events[-1].name == "video.cancelled"


def test_a_deleted_video_ends_the_stream(server: Waits) -> None:
    video_id = server.create()
    reader = Reader(server.gateway, video_id)
    reader.wait(1)
    server.gateway.http.delete(f"/v1/videos/{video_id}")
    last = reader.finish()[-1]
    assert (last.name, last.data) == ("video.deleted", {"id": video_id, "object": "video.deleted", "deleted": True})


def test_silence_is_broken_by_comments(server: Waits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_KEEP_ALIVE_SECONDS", 0.05)
    video_id = server.create()
    reader = Reader(server.gateway, video_id)
    until(lambda: len(reader.comments) >= 2)
    assert set(reader.comments) == {": keep-alive"}
    server.cancel(video_id)
    reader.finish()


def test_what_is_not_yours_is_not_found_before_anything_is_streamed(server: Waits) -> None:
    answer = server.gateway.http.get("/v1/videos/video_of_nobody/events")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "video_not_found")


def test_a_reader_that_hangs_up_is_forgotten_at_once(server: Waits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_KEEP_ALIVE_SECONDS", NEVER)  # nor does it find out by writing
    until(lambda: server.waiting == 0)
    video_id = server.create()
    address = httpx.URL(server.gateway.url)
    with socket.create_connection((address.host, address.port or 0)) as connection:
        connection.sendall(f"GET /v1/videos/{video_id}/events HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        until(lambda: server.waiting == 1)
    until(lambda: server.waiting == 0)


def test_one_reader_too_many_is_told_to_come_back(server: Waits, monkeypatch: pytest.MonkeyPatch) -> None:
    video_id = server.create()
    monkeypatch.setattr(server.gateway.app.state.gateway.feed, "_most", 0)
    answer = server.gateway.http.get(f"/v1/videos/{video_id}/events")
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "concurrency_limit_exceeded")
    assert answer.headers["retry-after"] == "5"


def test_a_stopping_gateway_ends_its_streams(tmp_path: Path) -> None:
    with waits(tmp_path) as server:
        reader = Reader(server.gateway, server.create())
        reader.wait(1)
    told = reader.finish()  # one that the server cuts off after five seconds has not ended
    assert {event.name for event in told} == {"video.in_progress"}


def test_a_replica_tells_of_changes_that_another_one_made(tmp_path: Path, postgres_url: str) -> None:
    with two_replicas(tmp_path, postgres_url) as (works, answers):
        video_id = works.create()
        reader = Reader(answers, video_id)
        reader.wait(1)
        works.fake.clock.advance(LONG / 2)
        reader.wait(2)
        works.end_all()
        assert reader.finish()[-1].name == "video.completed"
