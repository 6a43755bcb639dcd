"""An admin looks at other keys' videos: the list, one, its timeline and events. Nothing more, and only an admin."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from app.api import schemas
from tests.api.holders import client, make
from tests.api.waiting import Reader, until, waits
from tests.serving import serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

    from tests.serving import Running

ADMIN_KEY = "an-admin-key-of-the-reading-tests"
SHORT = {"prompt": "the owner's", "seconds": 1, "resolution": "480p"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serve(settings_for(tmp_path_factory.mktemp("reads"), admin_key=ADMIN_KEY)) as running:
        running.http.headers["authorization"] = f"Bearer {ADMIN_KEY}"
        yield running


@pytest.fixture(scope="module")
def admin(shop: Running) -> httpx.Client:
    return shop.http


@pytest.fixture(scope="module")
def key(admin: httpx.Client) -> dict[str, Any]:
    return make(admin, name="the owner")


@pytest.fixture(scope="module")
def owner(shop: Running, key: dict[str, Any]) -> Iterator[httpx.Client]:
    with client(shop, key["key"]) as http:
        yield http


@pytest.fixture(scope="module")
def video(owner: httpx.Client) -> dict[str, Any]:
    """Return a finished video of the owner's."""
    made = owner.post("/v1/videos", json=SHORT).json()
    ended: dict[str, Any] = owner.get(f"/v1/videos/{made['id']}", params={"wait": 60}).json()
    assert ended["status"] == "completed"
    return ended


def unsigned(video: dict[str, Any]) -> dict[str, Any]:
    """Leave the links out: each is signed for a while from when it is shown."""
    return {**video, "url": None, "output": None, "outputs": None}


def listed(http: httpx.Client, **query: object) -> list[dict[str, Any]]:
    answer = http.get("/v1/videos", params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    schemas.VideoList.model_validate(answer.json(), strict=True)
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def test_an_admin_reads_anothers_video_and_is_told_whose_it_is(
    admin: httpx.Client, key: dict[str, Any], video: dict[str, Any]
) -> None:
    path = f"/v1/videos/{video['id']}"
    for params in ({}, {"wait": 1}):
        seen = admin.get(path, params=params).json()
        schemas.OthersVideo.model_validate(seen, strict=True)
        assert unsigned(seen) == unsigned(video) | {"key_id": key["id"]}
    assert [step["step"] for step in admin.get(f"{path}/timeline").json()["data"]][-1] == "completed"


def test_the_pictures_are_seen_by_the_signed_links(admin: httpx.Client, video: dict[str, Any]) -> None:
    url = admin.get(f"/v1/videos/{video['id']}").json()["url"]
    for variant in ("thumbnail", "spritesheet"):
        answer = admin.get(f"{url}&variant={variant}", headers={"authorization": ""})
        assert (answer.status_code, answer.headers["content-type"].partition("/")[0]) == (200, "image")


def test_an_admin_lists_one_keys_videos_or_everybodys(
    admin: httpx.Client, key: dict[str, Any], video: dict[str, Any], shop: Running
) -> None:
    mine = shop.finished(prompt="the admin's")
    for key_id, wanted in ((key["id"], [video["id"]]), ("all", [mine["id"], video["id"]]), ("admin", [mine["id"]])):
        found = listed(admin, key_id=key_id, status="completed")
        assert [each["id"] for each in found] == wanted
        assert [each["key_id"] for each in found] == ["admin" if each == mine["id"] else key["id"] for each in wanted]
    first = listed(admin, key_id="all", status="completed", limit=1)
    assert [each["id"] for each in listed(admin, key_id="all", after=first[0]["id"], status="completed")] == [
        video["id"]
    ]
    assert [each["id"] for each in listed(admin, key_id="all", prompt="OWNER'S", status="completed")] == [video["id"]]
    assert listed(admin, key_id="key_none") == []


def test_without_key_id_a_list_is_ones_own_and_says_nothing_of_keys(
    admin: httpx.Client, owner: httpx.Client, video: dict[str, Any]
) -> None:
    assert [unsigned(each) for each in listed(owner, status="completed")] == [unsigned(video)]
    assert video["id"] not in {each["id"] for each in listed(admin, limit=100)}
    for each in listed(admin, limit=100):
        schemas.VideoObject.model_validate(each, strict=True)


def test_a_list_of_others_is_made_anew_each_time_and_only_for_who_is_an_admin_still(
    shop: Running, admin: httpx.Client, video: dict[str, Any]
) -> None:
    second = make(admin, role="admin")
    with client(shop, second["key"]) as http:
        assert video["id"] in {each["id"] for each in listed(http, key_id="all", limit=100)}
        assert http.get(f"/v1/videos/{video['id']}").status_code == 200
        admin.patch(f"/v1/keys/{second['id']}", json={"role": "member"})
        assert http.get("/v1/videos", params={"key_id": "all", "limit": 100}).status_code == 403
        assert http.get(f"/v1/videos/{video['id']}").status_code == 404


@pytest.mark.parametrize("role", ["member", "reader"])
def test_nobody_else_may_ask_for_other_keys_not_even_by_its_own_id(
    shop: Running, admin: httpx.Client, key: dict[str, Any], role: str
) -> None:
    made = make(admin, role=role)
    with client(shop, made["key"]) as http:
        for key_id in ("all", key["id"], made["id"], "", "admin"):
            answer = http.get("/v1/videos", params={"key_id": key_id})
            error = answer.json()["error"]
            assert (answer.status_code, error["code"], error["param"]) == (403, "permission_denied", "key_id")


def test_what_a_revoked_key_left_an_admin_cancels_and_deletes(shop: Running, admin: httpx.Client) -> None:
    key = make(admin)
    with client(shop, key["key"]) as holder, shop.idle():
        made = holder.post("/v1/videos", json=SHORT).json()
        path = f"/v1/videos/{made['id']}"
        assert admin.post(f"{path}/cancel").status_code == 403
        assert admin.delete(f"/v1/keys/{key['id']}").is_success
        with client(shop, make(admin)["key"]) as stranger:
            assert [stranger.post(f"{path}/cancel").status_code, stranger.delete(path).status_code] == [404, 404]
        stopped = admin.post(f"{path}/cancel").json()
        schemas.OthersVideo.model_validate(stopped, strict=True)
        assert (stopped["error"]["code"], stopped["key_id"]) == ("cancelled", key["id"])
    assert admin.delete(path).json() == {"id": made["id"], "object": "video.deleted", "deleted": True}
    assert admin.get(path).status_code == 404


def test_what_the_admin_key_of_the_settings_made_is_nobodys_once_it_is_gone(
    start_gateway: Callable[..., Running], tmp_path: Path
) -> None:
    second = start_gateway(admin_key=ADMIN_KEY)
    with client(second, ADMIN_KEY) as first:
        key = make(first, role="admin")
        path = f"/v1/videos/{first.post('/v1/videos', json=SHORT).json()['id']}"
    with client(second, key["key"]) as other:
        assert other.delete(path).status_code == 403
    copy = tmp_path / "copy"
    copy.mkdir()
    with closing(sqlite3.connect(tmp_path / "reelgate.sqlite3", timeout=60)) as database:
        database.execute("VACUUM INTO ?", [str(copy / "reelgate.sqlite3")])
    with serve(settings_for(copy)) as without, client(without, key["key"]) as other:
        assert other.delete(path).is_success


def test_what_would_use_or_change_it_stays_the_owners(
    admin: httpx.Client, key: dict[str, Any], video: dict[str, Any]
) -> None:
    path, body = f"/v1/videos/{video['id']}", {"prompt": "x", "video": {"id": video["id"]}}
    for answer in (admin.delete(path), admin.post(f"{path}/cancel")):
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["param"]) == (403, "permission_denied", "video_id")
        assert f"This video is of the key '{key['id']}'" in error["message"]
    for answer in (
        admin.post(f"{path}/remix", json={"prompt": "x"}),
        admin.post("/v1/videos/edits", json=body),
        admin.post("/v1/videos/extensions", json=body),
        admin.get(f"{path}/content"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "video_not_found"), answer.url


def test_what_was_made_before_there_were_keys_is_any_admins_to_cancel_and_delete_and_nobody_elses(
    tmp_path: Path,
) -> None:
    with waits(tmp_path) as open_one:
        gateway, video_id = open_one.gateway, open_one.create(prompt="early")
        path = f"/v1/videos/{video_id}"
        boss = make(gateway.http, role="admin")
        with client(gateway, boss["key"]) as admin, client(gateway, make(admin)["key"]) as member:
            for answer in (member.delete(path), member.post(f"{path}/cancel")):
                assert (answer.status_code, answer.json()["error"]["code"]) == (404, "video_not_found")
            assert listed(admin) == []
            assert [each["status"] for each in listed(admin, key_id="open")] == ["in_progress"]
            cancelled = admin.post(f"{path}/cancel").json()
            schemas.OthersVideo.model_validate(cancelled, strict=True)
            assert (cancelled["error"]["code"], cancelled["key_id"]) == ("cancelled", "open")
            assert admin.delete(path).json()["deleted"] is True
            assert listed(admin, key_id="all") == []
            assert admin.get(path).status_code == 404


def test_an_admin_follows_anothers_video_until_it_ends_and_longer_than_its_key(
    shop: Running, admin: httpx.Client
) -> None:
    made = make(admin)
    with shop.idle():
        with client(shop, made["key"]) as http:
            video_id = http.post("/v1/videos", json=SHORT).json()["id"]
        reader = Reader(shop, video_id, authorization=f"Bearer {ADMIN_KEY}")
        reader.wait(1)
        admin.delete(f"/v1/keys/{made['id']}?cancel=true")
        told = reader.finish()
    assert told[-1].name == "video.cancelled"
    assert {event.data["key_id"] for event in told} == {made["id"]}
    until(lambda: shop.app.state.gateway.feed.waiting == 0)


def test_reading_leaves_no_line_in_the_request_log(admin: httpx.Client, video: dict[str, Any]) -> None:
    before = admin.get("/v1/requests", params={"limit": 100}).json()["data"]
    admin.get(f"/v1/videos/{video['id']}")
    listed(admin, key_id="all")
    assert admin.get("/v1/requests", params={"limit": 100}).json()["data"] == before
