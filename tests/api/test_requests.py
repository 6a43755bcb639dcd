"""The request log as clients and operators see it, on both databases."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from app.api import request_schemas as schemas
from app.services.library import Library
from tests.api.creating import PICTURE
from tests.api.holders import client, make
from tests.receiver import wait_until
from tests.serving import serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

    from tests.databases import Databases
    from tests.serving import Running

ADMIN_KEY = "an-admin-key-of-the-request-log"
SHORT = {"prompt": "a calm sea", "seconds": 1, "resolution": "480p"}


@dataclass(frozen=True)
class Office:
    """A gateway, its operator, and a new member."""

    gateway: Running
    operator: httpx.Client
    member: httpx.Client
    key_id: str


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    changes: dict[str, object] = {"admin_key": ADMIN_KEY, "allow_private_networks": "127.0.0.1", "max_body_mb": 1}
    if request.param == "postgres":
        databases: Databases = request.getfixturevalue("databases")
        changes["database_url"] = databases.fresh()
    with serve(settings_for(tmp_path_factory.mktemp("requests"), **changes)) as running:
        yield running


@pytest.fixture
def office(guarded: Running) -> Iterator[Office]:
    with client(guarded, ADMIN_KEY) as operator:
        made = make(operator)
        with client(guarded, made["key"]) as member:
            yield Office(guarded, operator, member, made["id"])


def listed(http: httpx.Client, **query: object) -> list[dict[str, Any]]:
    return list(page(http, **query)["data"])


def page(http: httpx.Client, **query: object) -> dict[str, Any]:
    answer = http.get("/v1/requests", params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    schemas.RequestList.model_validate(found, strict=True)
    ids = [each["id"] for each in found["data"]]
    assert (found["first_id"], found["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))
    return found


def finish(http: httpx.Client, **fields: object) -> dict[str, Any]:
    """Make a video and wait for its end."""
    made = http.post("/v1/videos", json={**SHORT, **fields}).json()
    video: dict[str, Any] = http.get(f"/v1/videos/{made['id']}", params={"wait": 60}).json()
    assert video["status"] == "completed", video
    return video


def test_a_request_is_told_with_what_became_of_it(office: Office) -> None:
    before = int(time.time())
    answer = office.member.post("/v1/videos", json={**SHORT, "model": "sora-2", "n": 2})
    video = office.member.get(f"/v1/videos/{answer.json()['id']}", params={"wait": 60}).json()
    (entry,) = listed(office.member)
    assert 0 < entry.pop("duration_ms") < 60_000
    assert before <= entry.pop("created_at") <= int(time.time())
    assert 0 < entry.pop("job_seconds") < 60
    assert entry == {
        "id": answer.headers["x-request-id"],
        "object": "request",
        "request_id": answer.headers["x-request-id"],
        "key_id": office.key_id,
        "method": "POST",
        "route": "/v1/videos",
        "status_code": 200,
        "error_code": None,
        "model": "sora-2",
        "video_id": video["id"],
        "status": "completed",
        "providers": ["local"],
        "cost": video["metadata"]["cost"],
        "cost_currency": "USD",
    }


def test_all_that_makes_or_changes_something_is_logged_once_and_reading_is_not(office: Office) -> None:
    http = office.member
    video = finish(http)
    path = f"/v1/videos/{video['id']}"
    file = http.post("/v1/files", files={"file": ("a.png", PICTURE)}).json()["id"]
    for read in ("/v1/videos", path, f"{path}/content", f"/v1/files/{file}", "/v1/requests", "/v1/balance"):
        assert http.get(read).status_code == 200
    assert http.head(f"{path}/content").status_code == 200
    assert http.post("/v1/videos?dryRun=true", json=SHORT).status_code == 200
    http.post("/v1/videos?dryRun=true", json={})
    remix = http.post(f"{path}/remix", json={"prompt": "night"}).json()["id"]
    http.post(f"/openai/v1/videos/{remix}/cancel/")
    http.delete(f"/v1/files/{file}")
    http.delete(path)
    found = [(each["method"], each["route"], each["video_id"]) for each in listed(http)]
    assert found[::-1] == [
        ("POST", "/v1/videos", video["id"]),
        ("POST", "/v1/files", None),
        ("POST", "/v1/videos/{video_id}/remix", remix),
        ("POST", "/v1/videos/{video_id}/cancel", remix),
        ("DELETE", "/v1/files/{file_id}", None),
        ("DELETE", "/v1/videos/{video_id}", video["id"]),
    ]
    assert {each["model"] for each in listed(http, video_id=video["id"])} == {video["model"]}, "of a deleted one, too"


def test_refusals_are_logged_with_their_codes(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    few = office.operator.patch(f"/v1/keys/{office.key_id}", json={"requests_per_minute": 7})
    assert few.status_code == 200
    http = office.member

    def too_much() -> Iterator[bytes]:
        yield from [b"x" * 65_536] * 20

    def broken(*_: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(Library, "delete_file", broken)
    http.post("/v1/videos", json=SHORT | {"prompt": ""})
    http.post("/v1/videos", content=b"{", headers={"content-type": "application/json"})
    http.post("/v1/videos?dryRun=perhaps", json=SHORT)
    http.post("/v1/videos", json=SHORT | {"model": "nothing"})
    http.post("/v1/videos", json=SHORT | {"model": "sora-2", "seconds": 999, "strict": True})
    http.post("/v1/videos/video_none/cancel")
    http.post("/v1/keys", json={"name": "more"})
    http.post("/v1/videos", content=too_much(), headers={"content-type": "application/json"})
    http.delete("/v1/files/file_x")
    while http.post("/v1/videos", json=SHORT | {"model": "nothing"}).status_code != 429:
        pass
    codes = [(each["status_code"], each["error_code"], each["model"]) for each in listed(http)][::-1]
    assert codes[:9] == [
        (400, "missing_required_parameter", None),
        (400, "invalid_value", None),
        (400, "invalid_value", None),
        (404, "model_not_found", "nothing"),
        (400, "unsupported_value", "sora-2"),
        (404, "video_not_found", None),
        (403, "permission_denied", None),
        (413, "request_too_large", None),
        (500, "internal_error", None),
    ]
    assert codes[-1] == (429, "rate_limit_exceeded", None)
    assert listed(http, error_code="rate_limit_exceeded") == listed(http)[:1]
    assert all((each["video_id"], each["status"], each["providers"]) == (None, None, []) for each in listed(http))


def test_a_request_over_budget_is_logged(office: Office, start_gateway: Callable[..., Running]) -> None:
    del office
    gateway = start_gateway(admin_key=ADMIN_KEY, FAL_KEY="id:secret", fal_queue_url="http://127.0.0.1:9")
    with client(gateway, ADMIN_KEY) as operator, client(gateway, make(operator, budget_usd=0.01)["key"]) as member:
        assert member.post("/v1/videos", json=SHORT).status_code == 402
        (entry,) = listed(member)
        assert (entry["status_code"], entry["error_code"]) == (402, "budget_exceeded")


def test_ones_own_entries_are_seen_and_an_admin_sees_all(office: Office) -> None:
    with client(office.gateway, make(office.operator)["key"]) as other:
        assert office.member.post("/v1/videos", json={}).status_code == 400
        (mine,) = listed(office.member)
        assert listed(other) == []
        assert listed(other, key_id=office.key_id) == []
        assert page(other, after=mine["id"])["data"] == []
        refused = other.get(f"/v1/requests/{mine['id']}")
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")
    assert listed(office.operator, key_id=office.key_id) == [mine]
    assert listed(office.operator, limit=1)[0]["key_id"] != "", "everybody's"
    for reader in (office.member, office.operator):
        assert reader.get(f"/v1/requests/{mine['id']}").json() == mine


def test_an_entry_is_found_by_the_request_id_that_a_client_chose(office: Office) -> None:
    for _ in range(2):
        office.member.post("/v1/videos", json={}, headers={"x-request-id": "chosen:1"})
    newest, oldest = listed(office.member)
    assert (newest["request_id"], oldest["request_id"]) == ("chosen:1", "chosen:1")
    assert len({newest["id"], oldest["id"], "chosen:1"}) == 3
    assert office.member.get("/v1/requests/chosen:1").json() == newest
    assert office.member.get(f"/v1/requests/{oldest['id']}").json() == oldest


def test_an_x_request_id_that_another_key_has_sent_too_misleads_no_admin(office: Office) -> None:
    chosen, path = {"x-request-id": "chosen:2"}, "/v1/requests/chosen:2"
    office.member.post("/v1/videos", json={}, headers=chosen)
    (mine,) = listed(office.member)
    assert office.operator.get(path).json() == mine
    with client(office.gateway, make(office.operator)["key"]) as other:
        other.post("/v1/videos", json={}, headers=chosen)
        (theirs,) = listed(other)
        assert other.get(path, params={"key_id": mine["key_id"]}).status_code == 404
        assert other.get(path).json() == theirs
    unclear = office.operator.get(path)
    assert (unclear.status_code, unclear.json()["error"]["param"]) == (400, "request_id")
    assert "key_id" in unclear.json()["error"]["message"]
    for entry in (mine, theirs):
        assert office.operator.get(path, params={"key_id": entry["key_id"]}).json() == entry
        assert office.operator.get(f"/v1/requests/{entry['id']}").json() == entry
        assert office.operator.get(f"/v1/requests/{entry['id']}", params={"key_id": "key_x"}).status_code == 404
    assert office.member.get(path).json() == mine


def test_pages_and_filters_on_the_wire(office: Office) -> None:
    http = office.member
    with office.gateway.idle():
        video = http.post("/v1/videos", json=SHORT | {"model": "sora-2"}).json()["id"]
        path = f"/v1/videos/{video}"
        wait_until(lambda: http.get(path).json()["status"] == "in_progress", "the provider's answer")
        http.post(f"{path}/cancel")
    for number in range(3):
        http.post("/v1/videos", json={"model": f"no-{number}", "prompt": "x"})
    first = page(http, limit=2)
    rest = page(http, limit=4, after=first["last_id"])
    assert (first["has_more"], rest["has_more"]) == (True, False)
    found = first["data"] + rest["data"]
    assert found == listed(http)
    assert [each["model"] for each in found] == ["no-2", "no-1", "no-0", "sora-2", "sora-2"]
    for query, expected in (
        ({"status": "failed"}, found[3:]),
        ({"status": "completed"}, []),
        ({"error_code": "cancelled"}, found[3:]),
        ({"model": "no-1"}, found[1:2]),
        ({"video_id": video}, found[3:]),
        ({"created_after": int(time.time()) + 60}, []),
        ({"created_before": int(time.time()) + 60, "limit": 0}, []),
    ):
        assert listed(http, **query) == expected, query
    for wrong in ({"limit": "101"}, {"status": "done"}, {"created_after": "soon"}):
        assert http.get("/v1/requests", params=wrong).json()["error"]["param"] == next(iter(wrong))


def test_who_has_no_valid_key_leaves_no_entry(office: Office) -> None:
    known = len(listed(office.operator, limit=100))
    for headers in ({}, {"authorization": "Bearer rg_wrong"}):
        assert office.gateway.http.post("/v1/videos", json=SHORT, headers=headers).status_code == 401
        assert office.gateway.http.get("/v1/requests", headers=headers).status_code == 401
    assert office.member.post("/v1/nothing").status_code == 404
    assert len(listed(office.operator, limit=100)) == known


def test_entries_outlive_a_restart_until_the_log_is_turned_off(tmp_path: Path) -> None:
    answered: list[str] = []
    for days, expected in ((30, 0), (30, 1), (0, 0), (30, 0)):
        with serve(settings_for(tmp_path, request_log_days=days)) as gateway:
            assert len(listed(gateway.http)) == expected
            assert {each["id"] for each in listed(gateway.http)} <= set(answered)
            if not answered or not days:
                answered.append(gateway.http.post("/v1/videos", json={}).headers["x-request-id"])
            assert len(listed(gateway.http)) == min(days, 1) * (len(answered) < 2)


def test_old_entries_are_swept_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.engine._SWEEP_SECONDS", 0.1)
    ahead = 0.0
    with serve(settings_for(tmp_path, request_log_days=7), lambda: time.time() + ahead) as gateway:
        gateway.http.post("/v1/videos", json={})
        ahead = 7 * 86400 - 60.0
        swept = len(listed(gateway.http))
        time.sleep(0.5)
        assert len(listed(gateway.http)) == swept == 1
        ahead = 7 * 86400 + 1.0
        wait_until(lambda: listed(gateway.http) == [], "the entry was not removed")
