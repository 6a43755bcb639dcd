"""What a key that was revoked, or has expired, leaves behind: clients that wait, videos under way, webhooks."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from app.api import events, waiting
from app.api import key_schemas as schemas
from tests.api.holders import client, make
from tests.api.waiting import NEVER, Reader, two_replicas, until, waits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from tests.api.waiting import Waits
    from tests.databases import Databases
    from tests.receiver import Receiver
    from tests.serving import Running

ADMIN_KEY = "an-admin-key-of-the-revoking-tests"
WANTED = {"prompt": "a calm sea", "seconds": 1, "resolution": "480p"}


@dataclass
class Member:
    """A member with a video that does not end by itself."""

    key: dict[str, Any]
    http: httpx.Client
    video_id: str

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key['key']}"}


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waits]:
    changes: dict[str, object] = {"admin_key": ADMIN_KEY, "allow_private_networks": "127.0.0.1"}
    if request.param == "postgres":
        databases: Databases = request.getfixturevalue("databases")
        changes["database_url"] = databases.fresh()
    with waits(tmp_path_factory.mktemp("revoking"), **changes) as running:
        yield running


@pytest.fixture
def admin(server: Waits) -> Iterator[httpx.Client]:
    with client(server.gateway, ADMIN_KEY) as http:
        yield http


@pytest.fixture
def member(server: Waits, admin: httpx.Client) -> Iterator[Member]:
    key = make(admin)
    with client(server.gateway, key["key"]) as http:
        yield Member(key, http, order(http))


def order(http: httpx.Client, **fields: object) -> str:
    answer = http.post("/v1/videos", json={**WANTED, **fields})
    assert answer.status_code == 200, answer.text
    video_id = str(answer.json()["id"])
    until(lambda: http.get(f"/v1/videos/{video_id}").json()["status"] == "in_progress")
    return video_id


class Waiter(threading.Thread):
    """A client that waits for a video with `?wait`."""

    def __init__(self, gateway: Running, member: Member) -> None:
        super().__init__(daemon=True)
        self._gateway, self._member = gateway, member
        self.answer: httpx.Response
        self.at = 0.0  # unix seconds of its answer
        self.start()

    def run(self) -> None:
        with client(self._gateway, self._member.key["key"]) as http:
            self.answer = http.get(f"/v1/videos/{self._member.video_id}", params={"wait": 50})
            self.at = time.time()

    def finish(self) -> tuple[int, str]:
        """Return how it was answered."""
        self.join(60)
        assert not self.is_alive(), "it goes on waiting"
        return self.answer.status_code, self.answer.json()["error"]["code"]


def in_database(server: Waits, video_id: str, http: httpx.Client) -> str:
    """Return a video's status, which nobody but an admin's request log shows once its key is revoked."""
    found = http.get("/v1/requests", params={"video_id": video_id}).json()["data"]
    assert found, server
    return str(found[-1]["status"])


def test_whoever_waits_with_a_key_is_sent_away_when_it_is_revoked(
    server: Waits, admin: httpx.Client, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_KEEP_ALIVE_SECONDS", NEVER)
    monkeypatch.setattr(waiting, "_TRUSTED_SECONDS", NEVER)
    reader, waiter = Reader(server.gateway, member.video_id, **member.headers), Waiter(server.gateway, member)
    with client(server.gateway, ADMIN_KEY) as stays:
        other = order(stays)
        onlooker = Reader(server.gateway, other, authorization=f"Bearer {ADMIN_KEY}")
        onlooker.wait(1)
        reader.wait(1)
        until(lambda: server.waiting == 3)
        assert admin.delete(f"/v1/keys/{member.key['id']}").status_code == 200
        assert {event.name for event in reader.finish()} == {"video.in_progress"}
        assert waiter.finish() == (401, "invalid_api_key")
        until(lambda: server.waiting == 1)
        assert not onlooker.ended.is_set(), "who holds another key goes on waiting"
        stays.post(f"/v1/videos/{other}/cancel")
        onlooker.finish()


def test_whoever_waits_with_a_key_is_sent_away_when_it_expires(
    server: Waits, admin: httpx.Client, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_KEEP_ALIVE_SECONDS", 0.2)
    monkeypatch.setattr(waiting, "_TRUSTED_SECONDS", 0.2)
    reader, waiter = Reader(server.gateway, member.video_id, **member.headers), Waiter(server.gateway, member)
    reader.wait(1)
    until(lambda: server.waiting == 2 and len(reader.comments) > 2)
    expires_at = int(time.time()) + 2
    changed = admin.patch(f"/v1/keys/{member.key['id']}", json={"expires_at": expires_at})
    assert changed.status_code == 200, changed.text
    reader.finish()
    assert time.time() >= expires_at
    assert waiter.finish() == (401, "invalid_api_key")
    assert waiter.at >= expires_at


def test_whoever_waits_at_another_replica_is_sent_away_as_well(tmp_path: Path, postgres_url: str) -> None:
    with (
        pytest.MonkeyPatch.context() as patch,
        two_replicas(tmp_path, postgres_url) as (works, answers),
    ):
        patch.setattr(events, "_KEEP_ALIVE_SECONDS", NEVER)
        boss = make(works.gateway.http, role="admin")
        with client(works.gateway, boss["key"]) as admin:
            key = make(admin)
            with client(works.gateway, key["key"]) as http:
                reader = Reader(answers, order(http), authorization=f"Bearer {key['key']}")
                reader.wait(1)
            admin.delete(f"/v1/keys/{key['id']}")
            reader.finish()


def test_what_a_revoked_key_ordered_goes_on(
    server: Waits, admin: httpx.Client, member: Member, receiver: Receiver
) -> None:
    video_id = order(member.http, webhook_url=receiver.url(), prompt="another")
    answer = admin.delete(f"/v1/keys/{member.key['id']}")
    assert answer.json() == {"id": member.key["id"], "object": "api_key.deleted", "deleted": True}
    assert in_database(server, video_id, admin) == "in_progress"
    server.end_all()
    until(lambda: receiver.got)
    assert in_database(server, video_id, admin) == "completed"


@pytest.mark.parametrize("before", [False, True], ids=["at_once", "revoked_before"])
def test_revoking_may_cancel_what_a_key_ordered_and_silence_its_webhooks(
    server: Waits, admin: httpx.Client, member: Member, receiver: Receiver, *, before: bool
) -> None:
    endpoint = {"name": "x", "url": receiver.url(), "event_types": ["video.cancelled", "video.completed"]}
    assert member.http.post("/v1/webhook_endpoints", json=endpoint).status_code == 200
    second = order(member.http, webhook_url=receiver.url(), prompt="another")
    with client(server.gateway, make(admin)["key"]) as other:
        untouched = order(other)
        path = f"/v1/keys/{member.key['id']}"
        if before:
            assert admin.delete(path).status_code == 200
        answer = admin.delete(path, params={"cancel": True})
        schemas.KeyDeleted.model_validate(answer.json(), strict=True)
        assert answer.json()["cancelled_videos"] == 2
        assert {in_database(server, each, admin) for each in (member.video_id, second)} == {"failed"}
        assert other.get(f"/v1/videos/{untouched}").json()["status"] == "in_progress"
        assert admin.get("/v1/balance").status_code == 200
        assert admin.delete(path, params={"cancel": True}).json()["cancelled_videos"] == 0
        server.end_all()
        until(lambda: other.get(f"/v1/videos/{untouched}").json()["status"] == "completed")
    assert receiver.got == [], "its webhooks were told nothing"
    assert admin.delete("/v1/keys/key_of_nobody", params={"cancel": True}).status_code == 404
