"""Signing in: the cookie, what it is good for, who may send it, and everything that ends it."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import httpx
import pytest

from app.services.accounts import hash_of
from app.services.sessions import LIFETIME
from tests.api.holders import make
from tests.dashboard.visits import ADMIN_KEY, OWN, sign_in, video_count, visitor
from tests.serving import Running, serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVIL = "https://evil.example"


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_a_key_is_exchanged_for_a_cookie_that_no_script_reads_and_no_other_site_sends(visit: httpx.Client) -> None:
    assert visit.get("/session").json() == {"object": "session", "signed_in": False}
    answer = sign_in(visit)
    assert answer.json() == {"object": "session", "signed_in": True, "open": False, "role": "admin", "name": "admin"}
    assert answer.headers["cache-control"] == "no-store"
    name, *attributes = answer.headers["set-cookie"].split("; ")
    assert name.startswith("reelgate=")
    assert len(name) >= len("reelgate=") + 43  # 256 random bits
    assert set(attributes) == {"HttpOnly", "Path=/", "SameSite=strict", f"Max-Age={LIFETIME}"}
    assert ADMIN_KEY not in answer.text + str(answer.headers)
    assert visit.get("/session").json()["signed_in"] is True
    assert video_count(visit) == 0


def test_over_https_the_cookie_travels_over_https_only(tmp_path: Path) -> None:
    with serve(settings_for(tmp_path, admin_key=ADMIN_KEY, public_url="https://videos.example.org")) as gateway:
        with visitor(gateway, "https://videos.example.org") as visit:
            answer = sign_in(visit)
        name, *attributes = answer.headers["set-cookie"].split("; ")
        assert name.startswith("__Host-reelgate=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=strict"} <= set(attributes)
        with_cookie = {**OWN, "cookie": name}
        assert gateway.http.get("/v1/videos", headers=with_cookie).status_code == 200
        proxied = {**with_cookie, "origin": "https://other.example.org", "host": "other.example.org"}
        assert gateway.http.delete("/session", headers=proxied).status_code == 200


@pytest.mark.parametrize("key", ["wrong", "rg_" + "A" * 36, ADMIN_KEY + "x"])
def test_a_wrong_key_signs_nobody_in(visit: httpx.Client, key: str) -> None:
    answer = sign_in(visit, key)
    assert code(answer) == (401, "invalid_api_key")
    assert "set-cookie" not in answer.headers


def test_a_refused_form_does_not_repeat_the_key(visit: httpx.Client) -> None:
    for body in ({"api_key": ADMIN_KEY, "more": 1}, {"api_key": [ADMIN_KEY]}, {}):
        answer = visit.post("/session", json=body)
        assert answer.status_code == 400
        assert ADMIN_KEY not in answer.text


def test_the_cookie_alone_is_good_for_nothing(guarded: Running, visit: httpx.Client) -> None:
    sign_in(visit)
    with httpx.Client(base_url=guarded.url, cookies=visit.cookies, timeout=60) as elsewhere:
        for method, path in (("GET", "/v1/videos"), ("POST", "/v1/videos"), ("DELETE", "/v1/videos/video_1")):
            assert code(elsewhere.request(method, path)) == (401, "missing_api_key")
        for value in ("0", "", "true"):
            answer = elsewhere.get("/v1/videos", headers={"x-reelgate-session": value})
            assert code(answer) == (401, "missing_api_key")
        assert elsewhere.get("/session").json()["signed_in"] is False


@pytest.mark.parametrize("origin", [EVIL, "null", "http://127.0.0.1:1", None])
def test_what_changes_something_must_come_from_our_own_page(
    guarded: Running, visit: httpx.Client, origin: str | None
) -> None:
    sign_in(visit)
    headers = OWN if origin is None else {**OWN, "origin": origin}
    with httpx.Client(base_url=guarded.url, cookies=visit.cookies, headers=headers, timeout=60) as elsewhere:
        assert code(elsewhere.post("/v1/videos", json={"prompt": "paid by somebody else"})) == (401, "missing_api_key")
        assert code(elsewhere.delete("/session")) == (403, "permission_denied")
        assert code(sign_in(elsewhere)) == (403, "permission_denied")
        assert elsewhere.get("/v1/videos").status_code == (200 if origin is None else 401)
    assert video_count(visit) == 0


def test_no_other_origin_is_ever_allowed_to_send_our_header(guarded: Running) -> None:
    asks = {"origin": EVIL, "access-control-request-method": "POST"}
    asks["access-control-request-headers"] = "x-reelgate-session"
    for path in ("/v1/videos", "/session"):
        answer = guarded.http.options(path, headers=asks)
        assert answer.status_code == 405
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_key_in_the_header_beats_the_cookie(guarded: Running, visit: httpx.Client) -> None:
    sign_in(visit)
    reader = make(guarded.http, role="reader")["key"]
    answer = visit.post("/v1/videos", json={"prompt": "x"}, headers={"authorization": f"Bearer {reader}"})
    assert code(answer) == (403, "permission_denied")


def test_signing_out_ends_the_session_and_not_only_the_cookie(guarded: Running, visit: httpx.Client) -> None:
    sign_in(visit)
    stolen = dict(visit.cookies)
    answer = visit.delete("/session")
    assert answer.json() == {"object": "session", "signed_in": False}
    assert dict(visit.cookies) == {}
    with httpx.Client(base_url=guarded.url, cookies=stolen, headers=OWN, timeout=60) as thief:
        assert code(thief.get("/v1/videos")) == (401, "invalid_api_key")
        assert thief.get("/session").json()["signed_in"] is False


@pytest.mark.parametrize("end", ["revoke", "rotate"])
def test_what_ends_a_key_ends_its_sessions_at_once_and_no_others(guarded: Running, end: str) -> None:
    key, other = (make(guarded.http, name=name) for name in ("ending", "staying"))
    with visitor(guarded) as visit, visitor(guarded) as stays:
        assert sign_in(visit, key["key"]).json()["name"] == "ending"
        sign_in(stays, other["key"])
        assert video_count(visit) == 0
        path = f"/v1/keys/{key['id']}"
        ended = guarded.http.delete(path) if end == "revoke" else guarded.http.post(f"{path}/rotate")
        assert ended.status_code == 200
        assert code(visit.get("/v1/videos")) == (401, "invalid_api_key")
        assert visit.get("/session").json()["signed_in"] is False
        assert video_count(stays) == 0


def test_sessions_and_keys_end_when_their_time_has_come(tmp_path: Path) -> None:
    late = 0.0
    with serve(settings_for(tmp_path, admin_key=ADMIN_KEY), lambda: time.time() + late) as gateway:
        gateway.http.headers["authorization"] = f"Bearer {ADMIN_KEY}"
        key = make(gateway.http, expires_at=int(time.time()) + 3600)
        with visitor(gateway) as visit, visitor(gateway) as short:
            sign_in(visit)
            sign_in(short, key["key"])
            late = 3601
            assert code(short.get("/v1/videos")) == (401, "invalid_api_key")
            late = LIFETIME - 60
            assert video_count(visit) == 0
            late = LIFETIME + 1
            assert code(visit.get("/v1/videos")) == (401, "invalid_api_key")
            sign_in(visit)
    with closing(sqlite3.connect(tmp_path / "reelgate.sqlite3")) as database:
        assert database.execute("select count(*) from web_sessions").fetchone() == (1,)  # the ended ones are forgotten


def test_a_readers_session_may_only_read(guarded: Running, visit: httpx.Client) -> None:
    assert sign_in(visit, make(guarded.http, role="reader")["key"]).json()["role"] == "reader"
    assert video_count(visit) == 0
    assert code(visit.post("/v1/videos", json={"prompt": "x"})) == (403, "permission_denied")


def test_who_reads_the_database_can_neither_sign_in_nor_guess_a_key(guarded: Running, visit: httpx.Client) -> None:
    sign_in(visit)
    (token,) = dict(visit.cookies).values()
    with closing(sqlite3.connect(guarded.data_dir / "reelgate.sqlite3")) as database:
        rows = str(database.execute("select * from web_sessions").fetchall())
    for secret in (token, hash_of(token), ADMIN_KEY, hash_of(ADMIN_KEY)):
        assert secret not in rows


def test_an_open_gateway_asks_nobody_to_sign_in_until_it_has_a_key(start_gateway: Callable[..., Running]) -> None:
    gateway = start_gateway()
    with visitor(gateway) as visit:
        told = {"object": "session", "signed_in": True, "open": True, "role": "admin", "name": "open"}
        assert visit.get("/session").json() == told
        assert sign_in(visit, "whatever").json() == told
        assert dict(visit.cookies) == {}
        make(visit, role="admin")
        assert visit.get("/session").json()["signed_in"] is False


def test_replicas_know_each_others_sessions(tmp_path: Path, postgres_url: str) -> None:
    with (
        serve(settings_for(tmp_path / "one", admin_key=ADMIN_KEY, database_url=postgres_url)) as one,
        serve(settings_for(tmp_path / "two", admin_key=ADMIN_KEY, database_url=postgres_url)) as two,
        visitor(one) as here,
    ):
        sign_in(here)
        with visitor(two) as there:
            there.cookies.update(here.cookies)
            assert video_count(there) == 0
            there.delete("/session")
        assert code(here.get("/v1/videos")) == (401, "invalid_api_key")
