"""/keys, and what a key may see: its own things, and nobody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from tests.api.holders import client, holder, make
from tests.serving import serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.serving import Running

ADMIN_KEY = "an-admin-key-of-the-key-tests"
ROUTES = [
    ("GET", "/v1/videos"),
    ("POST", "/v1/videos"),
    ("GET", "/v1/videos/video_1"),
    ("GET", "/v1/videos/video_1/timeline"),
    ("DELETE", "/v1/videos/video_1"),
    ("POST", "/v1/videos/video_1/cancel"),
    ("POST", "/v1/videos/video_1/remix"),
    ("GET", "/v1/videos/video_1/content"),
    ("POST", "/v1/videos/edits"),
    ("POST", "/v1/videos/extensions"),
    ("POST", "/v1/videos/characters"),
    ("GET", "/v1/videos/characters/char_1"),
    ("POST", "/v1/files"),
    ("GET", "/v1/files/file_1"),
    ("DELETE", "/v1/files/file_1"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/sora-2"),
    ("GET", "/v1/keys"),
    ("POST", "/v1/keys"),
    ("GET", "/v1/keys/key_1"),
    ("PATCH", "/v1/keys/key_1"),
    ("POST", "/v1/keys/key_1/rotate"),
    ("DELETE", "/v1/keys/key_1"),
    ("GET", "/v1/balance"),
    ("GET", "/v1/usage"),
    ("GET", "/v1/providers"),
    ("GET", "/v1/submissions"),
    ("GET", "/v1/submissions/sub_1"),
    ("POST", "/v1/submissions/sub_1/resolve"),
]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Serve with keys required; its `http` carries none."""
    with serve(settings_for(tmp_path_factory.mktemp("keys"), admin_key=ADMIN_KEY)) as running:
        yield running


@pytest.fixture(scope="module")
def admin(guarded: Running) -> Iterator[httpx.Client]:
    with client(guarded, ADMIN_KEY) as http:
        yield http


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_route_answers_without_a_valid_key(guarded: Running, method: str, path: str) -> None:
    missing = guarded.http.request(method, path)
    assert error_of(missing) == (401, "missing_api_key")
    assert missing.headers["www-authenticate"] == "Bearer"
    wrong = guarded.http.request(method, path, headers={"authorization": "Bearer rg_wrong"})
    assert error_of(wrong) == (401, "invalid_api_key")
    assert error_of(guarded.http.request(method, path, headers={"authorization": "Basic eDp5"})) == (
        401,
        "missing_api_key",
    )


def test_an_unknown_route_is_unknown_with_and_without_a_key(guarded: Running, admin: httpx.Client) -> None:
    for answer in (guarded.http.get("/v1/_unknown"), admin.get("/v1/_unknown")):
        assert error_of(answer) == (404, "not_found")


def test_a_key_is_shown_once_and_then_only_by_its_beginning(admin: httpx.Client) -> None:
    made = make(admin, name="ci")
    assert made["key"].startswith("rg_")
    assert made["key"].startswith(made["prefix"])
    listed = {key["id"]: key for key in admin.get("/v1/keys").json()["data"]}
    assert listed[made["id"]]["name"] == "ci"
    assert made["key"] not in admin.get("/v1/keys").text


def test_the_first_key_closes_an_open_gateway(start_gateway: Callable[..., Running]) -> None:
    gateway = start_gateway()
    made = make(gateway.http, role="admin")
    assert error_of(gateway.http.get("/v1/videos")) == (401, "missing_api_key")
    with client(gateway, made["key"]) as http:
        assert http.get("/v1/videos").status_code == 200
        assert http.delete(f"/v1/keys/{made['id']}").json()["deleted"] is True
        assert error_of(http.get("/v1/videos")) == (401, "invalid_api_key")
    assert error_of(gateway.http.get("/v1/videos")) == (401, "missing_api_key"), "no key left does not mean open"


def test_a_key_that_was_begun_while_the_gateway_was_open_is_not_made_after_the_first(
    start_gateway: Callable[..., Running],
) -> None:
    gateway = start_gateway()
    first: list[str] = []

    def slowly() -> Iterator[bytes]:
        yield b'{"name": "late", '
        made = gateway.http.post("/v1/keys", json={"name": "first", "role": "admin"})
        first.append(made.json()["key"])
        yield b'"role": "admin"}'

    with httpx.Client(base_url=gateway.url, timeout=60) as late:
        answer = late.post("/v1/keys", content=slowly(), headers={"content-type": "application/json"})
    assert error_of(answer) == (401, "missing_api_key")
    listed = gateway.http.get("/v1/keys", headers={"authorization": f"Bearer {first[0]}"})
    assert [key["name"] for key in listed.json()["data"]] == ["first"]


@pytest.mark.parametrize("role", ["member", "reader", None])
def test_a_first_key_that_could_not_make_others_is_refused_and_the_gateway_stays_open(
    start_gateway: Callable[..., Running], role: str | None
) -> None:
    gateway = start_gateway()
    answer = gateway.http.post("/v1/keys", json={"name": "first"} | ({"role": role} if role else {}))
    assert error_of(answer) == (400, "unsupported_value")
    assert answer.json()["error"]["param"] == "role"
    assert gateway.http.get("/v1/keys").json()["data"] == []


def test_the_last_admin_key_stays_an_admins(start_gateway: Callable[..., Running]) -> None:
    gateway = start_gateway()
    made = make(gateway.http, role="admin")
    with client(gateway, made["key"]) as http:
        path = f"/v1/keys/{made['id']}"
        assert error_of(http.patch(path, json={"role": "member"})) == (400, "unsupported_value")
        assert http.get(path).json()["role"] == "admin"


def test_a_word_that_did_while_there_were_no_keys_is_told_that_there_are_now(guarded: Running) -> None:
    answer = guarded.http.get("/v1/videos", headers={"authorization": "Bearer none"})
    assert error_of(answer) == (401, "invalid_api_key")
    assert "this gateway has keys" in answer.json()["error"]["message"]


def test_a_revoked_key_ends_at_once(guarded: Running, admin: httpx.Client) -> None:
    made = make(admin)
    with client(guarded, made["key"]) as http:
        assert http.get("/v1/videos").status_code == 200
        assert admin.delete(f"/v1/keys/{made['id']}").status_code == 200
        assert error_of(http.get("/v1/videos")) == (401, "invalid_api_key")
    assert error_of(admin.delete(f"/v1/keys/{made['id']}")) == (404, "not_found")


def test_a_member_cannot_touch_keys(guarded: Running, admin: httpx.Client) -> None:
    with holder(guarded, admin) as member:
        for method, path in (("GET", "/v1/keys"), ("POST", "/v1/keys"), ("DELETE", "/v1/keys/key_1")):
            answer = member.request(method, path, json={"name": "x"})
            assert error_of(answer) == (403, "permission_denied")


def test_other_owners_things_are_nowhere_to_be_found(guarded: Running, admin: httpx.Client) -> None:
    video = admin.post("/v1/videos", json={"prompt": "x", "seconds": 1, "resolution": "480p"}).json()
    assert admin.get(f"/v1/videos/{video['id']}", params={"wait": 50}).json()["status"] == "completed"
    clip = {"video": ("a.mp4", admin.get(f"/v1/videos/{video['id']}/content").content)}
    character = admin.post("/v1/videos/characters", data={"name": "Fox"}, files=clip).json()["id"]
    file = admin.post("/v1/files", files={"file": clip["video"]}).json()["id"]
    path, prompt = f"/v1/videos/{video['id']}", {"prompt": "x"}
    with holder(guarded, admin) as stranger:
        for method, each, body in (
            ("GET", path, None),
            ("DELETE", path, None),
            ("POST", f"{path}/cancel", None),
            ("POST", f"{path}/remix", prompt),
            ("GET", f"{path}/content", None),
            ("POST", "/v1/videos/edits", {**prompt, "video": {"id": video["id"]}}),
            ("POST", "/v1/videos/extensions", {**prompt, "video": {"id": video["id"]}}),
        ):
            assert error_of(stranger.request(method, each, json=body)) == (404, "video_not_found"), each
        assert error_of(stranger.get(f"/v1/videos/characters/{character}")) == (404, "character_not_found")
        named = {**prompt, "characters": [{"id": character}]}
        assert error_of(stranger.post("/v1/videos", json=named)) == (404, "character_not_found")
        assert error_of(stranger.get(f"/v1/files/{file}")) == (404, "file_not_found")
        assert error_of(stranger.delete(f"/v1/files/{file}")) == (404, "file_not_found")
        assert error_of(stranger.post("/v1/videos", json={**prompt, "video": {"file_id": file}})) == (
            404,
            "file_not_found",
        )
        assert stranger.get("/v1/videos").json()["data"] == []
        after = stranger.get("/v1/videos", params={"after": video["id"]}).json()
        assert (after["data"], after["has_more"]) == ([], False)
    assert admin.get(path).json() == admin.get("/v1/videos").json()["data"][0]


def test_an_idempotency_key_belongs_to_one_api_key(guarded: Running, admin: httpx.Client) -> None:
    body, header = {"prompt": "x", "seconds": 15}, {"idempotency-key": "shared", "x-stainless-retry-count": "1"}
    ids = set()
    for _owner in range(2):
        with holder(guarded, admin) as http:
            made = http.post("/v1/videos", json=body, headers=header)
            assert "idempotent-replayed" not in made.headers
            ids.add(made.json()["id"])
            http.post(f"/v1/videos/{made.json()['id']}/cancel")
    assert len(ids) == 2
