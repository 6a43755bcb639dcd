"""Status reads that are answered before they are routed: the same answers, to the same people, at no query."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from app.db import videos
from tests.api.holders import client, make
from tests.serving import serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from tests.serving import Running

ADMIN = "an-admin-key-only-for-tests"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serve(settings_for(tmp_path_factory.mktemp("hot"), admin_key=ADMIN)) as running:
        running.http.headers["authorization"] = f"Bearer {ADMIN}"
        yield running


@pytest.fixture(scope="module")
def path(guarded: Running) -> str:
    """Return the address of a finished video."""
    return f"/v1/videos/{guarded.finished()['id']}"


def noted(monkeypatch: pytest.MonkeyPatch, *queries: str) -> list[str]:
    """Note what queries of `db.videos` are asked with."""
    asked: list[str] = []

    def note(query: str) -> None:
        original = getattr(videos, query)

        async def counted(session: Any, *wanted: Any) -> Any:
            asked.append(str(wanted))
            return await original(session, *wanted)

        monkeypatch.setattr(videos, query, counted)

    for query in queries:
        note(query)
    return asked


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note which videos the database was asked for."""
    return noted(monkeypatch, "get", "get_of_any")


def told(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    """Return what must be equal in two answers to one question."""
    own = ("date", "x-request-id")
    return answer.status_code, {k: v for k, v in answer.headers.items() if k not in own}, answer.content


def test_the_second_read_equals_the_first_and_asks_the_database_nothing(
    guarded: Running, path: str, queries: list[str]
) -> None:
    first = guarded.http.get(path, headers={"host": "elsewhere"})
    assert len(queries) == 1
    again = guarded.http.get(path, headers={"host": "elsewhere"})
    assert told(again) == told(first)
    assert len(queries) == 1
    assert again.headers["content-type"] == "application/json"


def test_it_is_answered_under_the_other_prefix_and_with_a_slash_too(
    guarded: Running, path: str, queries: list[str]
) -> None:
    first = guarded.http.get(path)
    queries.clear()
    assert told(guarded.http.get(f"/openai{path}")) == told(first)
    assert told(guarded.http.get(f"{path}/")) == told(first)
    assert not queries


def test_the_request_id_is_the_requests_own(guarded: Running, path: str) -> None:
    guarded.http.get(path)
    assert guarded.http.get(path, headers={"x-request-id": "mine"}).headers["x-request-id"] == "mine"
    assert guarded.http.get(path).headers["x-request-id"] != "mine"


def test_links_are_for_the_address_that_the_client_used(guarded: Running, path: str) -> None:
    for host in ("one.example", "two.example", "one.example"):
        assert guarded.http.get(path, headers={"host": host}).json()["url"].startswith(f"http://{host}/")


def test_a_client_without_a_key_is_refused_what_others_have_just_read(guarded: Running, path: str) -> None:
    guarded.http.get(path)
    answer = guarded.http.get(path, headers={"authorization": ""})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "missing_api_key")


def test_another_tenant_does_not_find_what_its_owner_has_just_read(guarded: Running, path: str) -> None:
    with client(guarded, make(guarded.http)["key"]) as other:
        guarded.http.get(path)
        assert other.get(path).status_code == 404
        assert guarded.http.get(path).status_code == 200


def test_a_revoked_key_reads_nothing_more(guarded: Running) -> None:
    made = make(guarded.http)
    with client(guarded, made["key"]) as holder:
        video = holder.post("/v1/videos", json={"prompt": "a pier", "seconds": 1, "resolution": "480p"}).json()
        assert holder.get(f"/v1/videos/{video['id']}").status_code == 200
        guarded.http.delete(f"/v1/keys/{made['id']}")
        assert holder.get(f"/v1/videos/{video['id']}").status_code == 401


@pytest.mark.parametrize("end", ["cancel", "delete"])
def test_what_a_client_has_just_done_shows_in_its_next_read(guarded: Running, end: str) -> None:
    with guarded.idle():
        for _ in range(5):
            path = f"/v1/videos/{guarded.create()['id']}"
            guarded.http.get(path)
            if end == "delete":
                guarded.http.delete(path)
                assert guarded.http.get(path).status_code == 404
            else:
                guarded.http.post(f"{path}/cancel")
                assert guarded.http.get(path).json()["error"]["code"] == "cancelled"


def test_a_read_that_waits_is_not_answered_from_before(guarded: Running) -> None:
    path = f"/v1/videos/{guarded.create()['id']}"
    guarded.http.get(path)
    assert guarded.http.get(path, params={"wait": 60}).json()["status"] == "completed"


def test_a_database_that_fails_is_told_as_everywhere(guarded: Running, path: str) -> None:
    key = make(guarded.http)["key"]
    with (
        closing(sqlite3.connect(guarded.data_dir / "reelgate.sqlite3", timeout=60)) as other,
        client(guarded, key) as holder,
    ):
        other.execute("ALTER TABLE api_keys RENAME TO gone")
        try:
            answer = holder.get(path)
        finally:
            other.execute("ALTER TABLE gone RENAME TO api_keys")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "storage_unavailable")
        assert answer.headers["retry-after"]
        assert holder.get(path).status_code == 404


def test_an_admin_who_looks_takes_nothing_from_what_its_owner_reads(guarded: Running, queries: list[str]) -> None:
    with client(guarded, make(guarded.http)["key"]) as holder:
        body = {"prompt": "a pier", "seconds": 1, "resolution": "480p"}
        path = f"/v1/videos/{holder.post('/v1/videos', json=body).json()['id']}"
        ended = holder.get(path, params={"wait": 60}).json()
        assert holder.get(path).json() == ended
        queries.clear()
        for _ in range(2):
            assert guarded.http.get(path).json() == {**ended, "key_id": guarded.http.get(path).json()["key_id"]}
        assert len(queries) == 4, "what is read for an admin is not kept"
        queries.clear()
        assert holder.get(path).json() == ended
        assert not queries


@pytest.fixture
def listings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note whose videos were listed from the database."""
    return noted(monkeypatch, "list_page")


def test_the_second_look_at_a_page_equals_the_first_and_asks_the_database_nothing(
    guarded: Running, path: str, listings: list[str]
) -> None:
    del path  # there is one
    first = guarded.http.get("/v1/videos?limit=2")
    again = guarded.http.get("/v1/videos?limit=2")
    assert told(again) == told(first)
    assert len(listings) == 1
    assert guarded.http.get("/v1/videos?limit=1").json()["data"] == first.json()["data"][:1]
    assert guarded.http.get("/v1/videos?limit=2", headers={"host": "elsewhere"}).content != first.content


def test_a_page_shows_what_a_client_has_just_done(guarded: Running) -> None:
    with guarded.idle(), client(guarded, make(guarded.http)["key"]) as holder:

        def states() -> list[str]:
            return [video["status"] for video in holder.get("/v1/videos").json()["data"]]

        assert states() == []
        body = {"prompt": "a pier", "seconds": 1, "resolution": "480p"}
        video = holder.post("/v1/videos", json=body).json()
        assert len(states()) == 1
        holder.post(f"/v1/videos/{video['id']}/cancel")
        assert states() == ["failed"]
        holder.delete(f"/v1/videos/{video['id']}")
        assert states() == []


def test_another_tenants_page_is_its_own(guarded: Running, path: str) -> None:
    with client(guarded, make(guarded.http)["key"]) as other:
        assert path.rpartition("/")[2] in guarded.http.get("/v1/videos?limit=100").text
        assert other.get("/v1/videos?limit=100").json()["data"] == []


def test_an_open_gateway_answers_so_too(start_gateway: Callable[..., Running], queries: list[str]) -> None:
    gateway = start_gateway()
    path = f"/v1/videos/{gateway.finished()['id']}"
    first = gateway.http.get(path)
    queries.clear()
    assert told(gateway.http.get(path)) == told(first)
    assert not queries
