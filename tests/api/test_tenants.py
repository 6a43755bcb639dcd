"""Two tenants: whatever route a stranger tries with another key's ids, it answers as for ids that nobody has.

An admin may look at others' videos (test_admin_reads.py), and is a stranger to everything else; but what would end a
video that it may see is refused by 403, with the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.holders import client
from tests.api.tenants import NOBODYS, OF_ALL, STREAM, Tenants, everything, routes_of, submission_of
from tests.receiver import receiving
from tests.serving import serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

ADMIN_KEY = "an-admin-key-of-the-tenants-tests"
OF_ADMINS = {"key_id", "submission_id"}  # whoever owns them
SEEN_BY_ADMINS = OF_ADMINS | {"request_id"}
READ_BY_ADMINS = {("GET", f"/v1/videos/{{video_id}}{what}") for what in ("", "/events", "/timeline")}
ENDED_BY_ITS_OWN_KEY = {("DELETE", "/v1/videos/{video_id}"), ("POST", "/v1/videos/{video_id}/cancel")}
SHOWN_TO_ADMINS = ("/v1/keys", "/v1/submissions", "/v1/requests")
BODIES: dict[str, dict[str, object]] = {  # by the end of the path; what is not named here needs none
    "remix": {"prompt": "stolen"},
    "test": {"event_type": "video.completed"},
    "{webhook_endpoint_id}": {"name": "stolen"},
    "{key_id}": {"name": "stolen"},
    "resolve": {"outcome": "not_charged"},
}


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    settings = settings_for(tmp_path_factory.mktemp("tenants"), admin_key=ADMIN_KEY, allow_private_networks="127.0.0.1")
    with serve(settings) as gateway, receiving() as receiver, client(gateway, ADMIN_KEY) as boss:
        made = [boss.post("/v1/keys", json={"name": "k", "role": role}).json() for role in ROLES]
        owner, member, admin = (client(gateway, key["key"]) for key in made)
        with owner, member, admin:
            ids = everything(owner, receiver) | {"key_id": made[0]["id"]}
            ids["submission_id"] = submission_of(boss, ids)
            yield Tenants(owner, member, admin, ids, routes_of(gateway))


ROLES = ("member", "member", "admin")


def told(answer: httpx.Response, ids: dict[str, str]) -> tuple[int, str]:
    """Return what an answer says, whatever the ids in it."""
    text = answer.text
    for name, value in ids.items():
        text = text.replace(value, name) if len(value) > 8 else text
    return answer.status_code, text


def test_every_id_in_a_path_is_known_to_these_tests(tenants: Tenants) -> None:
    named = {part[1:-1] for _, path, _ in tenants.routes for part in path.split("/") if part.startswith("{")}
    assert named == set(NOBODYS)
    assert {name for name in named if tenants.ids[name] == NOBODYS[name]} == OF_ALL | {"index"}


@pytest.mark.parametrize("who", ["member", "admin"])
def test_no_route_reads_or_writes_what_is_anothers_nor_tells_that_it_exists(tenants: Tenants, who: str) -> None:
    stranger: httpx.Client = getattr(tenants, who)
    before = tenants.seen_by_owner()
    tried = 0
    for method, path, _ in tenants.routes:
        names = {name for name in NOBODYS if f"{{{name}}}" in path} - OF_ALL - {"index"}
        if not names or (who == "admin" and names & SEEN_BY_ADMINS):
            continue
        if who == "admin" and (method, path) in READ_BY_ADMINS:
            assert stranger.get(path.format_map(tenants.ids)).status_code == 200, path
            assert stranger.get(path.format_map(NOBODYS)).status_code == 404, path
            continue
        if who == "admin" and (method, path) in ENDED_BY_ITS_OWN_KEY:
            answers = [stranger.request(method, path.format_map(ids)) for ids in (tenants.ids, NOBODYS)]
            assert [answer.status_code for answer in answers] == [403, 404], path
            tried += 1
            continue
        body = None if method in ("GET", "DELETE") else BODIES.get(path.rpartition("/")[2], {})
        query = {"expires": "4000000000", "signature": "x" * 43} if "/inputs/" in path else {}
        known, made_up = (
            told(stranger.request(method, path.format_map(ids), json=body, params=query), ids)
            for ids in (tenants.ids, NOBODYS)
        )
        assert known == made_up, (method, path)
        expected = {403} if names & OF_ADMINS and "/callbacks/" not in path else {401} if "/inputs/" in path else {404}
        assert known[0] in expected, (method, path, known)
        tried += 1
    assert tried >= 15
    assert tenants.seen_by_owner() == before


@pytest.mark.parametrize("who", ["member", "admin"])
def test_no_list_shows_or_starts_at_what_is_anothers(tenants: Tenants, who: str) -> None:
    stranger: httpx.Client = getattr(tenants, who)
    lists = [
        (path, queries)
        for method, path, queries in tenants.routes
        if method == "GET" and "{" not in path and path != STREAM
    ]
    for path, queries in lists:
        if path.startswith(SHOWN_TO_ADMINS) and who == "admin":
            continue
        for value in (tenants.ids[name] for name in tenants.ids if name not in OF_ALL | {"index"}):
            for query in queries & {"after", "video_id", *(() if who == "admin" else ("key_id",))}:
                foreign = stranger.get(path, params={query: value})
                assert told(foreign, tenants.ids) == told(stranger.get(path, params={query: "none"}), NOBODYS)
        shown = stranger.get(path).text
        private = [value for name, value in tenants.ids.items() if name not in OF_ALL | {"index"}]
        if path != "/v1/usage" or who == "member":
            assert not [value for value in private if value in shown], path


def test_no_request_uses_what_is_anothers(tenants: Tenants) -> None:
    ids = tenants.ids
    for path, body, code in (
        ("/v1/videos", {"input_reference": {"file_id": ids["file_id"]}}, "file_not_found"),
        ("/v1/videos", {"video": {"file_id": ids["file_id"]}}, "file_not_found"),
        ("/v1/videos", {"video": {"id": ids["video_id"]}}, "video_not_found"),
        ("/v1/videos", {"characters": [{"id": ids["character_id"]}]}, "character_not_found"),
        ("/v1/videos/edits", {"video": {"id": ids["video_id"]}}, "video_not_found"),
        ("/v1/videos/extensions", {"video": {"id": ids["video_id"]}}, "video_not_found"),
    ):
        for stranger in (tenants.member, tenants.admin):
            for query in ("", "?dryRun=true"):
                answer = stranger.post(path + query, json={"prompt": "x", **body})
                assert (answer.status_code, answer.json()["error"]["code"]) == (404, code), (path, body)
    assert tenants.member.get("/v1/videos").json()["data"] == []


def test_usage_and_balance_are_ones_own_and_an_admin_sees_everybodys_usage(tenants: Tenants) -> None:
    by_key = {"group_by": "key"}
    mine = tenants.owner.get("/v1/usage", params=by_key).json()["data"]
    assert [(each["key"], each["videos"], each["outputs"]) for each in mine] == [(tenants.ids["key_id"], 1, 1)]
    assert tenants.member.get("/v1/usage", params=by_key).json()["data"] == []
    assert mine[0] in tenants.admin.get("/v1/usage", params=by_key).json()["data"]
