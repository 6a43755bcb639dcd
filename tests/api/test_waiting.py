"""Long polls: an answer is held until the video ends, for as long as the client said and no longer."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from openai import DefaultHttpxClient, OpenAI
from starlette.datastructures import Headers

from app.api.waiting import wait_of
from app.services import feed
from tests.api.waiting import NEVER, two_replicas, until, waits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.api.waiting import Waits
    from tests.serving import Running

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")  # of the SDK's own

SOON = 15.0  # seconds; what is not held is answered within milliseconds, what is held after twice as many and more


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waits]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "_LOOK_ALONE_SECONDS", NEVER)  # whoever waits is told, or is answered too late
        with waits(tmp_path_factory.mktemp("waiting")) as running:
            yield running


class Held:
    """One request that is under way in a thread."""

    def __init__(self, gateway: Running, path: str, **headers: str) -> None:
        self.answer: httpx.Response
        self.at = 0.0
        self._thread = threading.Thread(target=self._ask, args=(f"{gateway.url}{path}", headers))
        self._thread.start()

    def _ask(self, url: str, headers: dict[str, str]) -> None:
        self.answer = httpx.get(url, headers=headers, timeout=70)
        self.at = time.monotonic()

    def finish(self) -> httpx.Response:
        self._thread.join(timeout=70)
        return self.answer


def timed(gateway: Running, path: str, **headers: str) -> tuple[float, httpx.Response]:
    began = time.monotonic()
    answer = gateway.http.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return time.monotonic() - began, answer


@pytest.mark.parametrize(
    ("asked", "headers", "seconds"),
    [
        (None, {}, 0),
        (7.5, {}, 7.5),
        (0, {"prefer": "wait=30", "x-stainless-poll-helper": "true"}, 0),
        (1000, {}, 60),
        (None, {"prefer": "wait=9"}, 9),
        (None, {"prefer": "respond-async, wait=9; x=1"}, 9),
        (None, {"prefer": 'Wait = "9"'}, 9),
        (None, {"prefer": "wait=100"}, 60),
        (None, {"prefer": "wait=soon"}, 0),
        (None, {"prefer": "await=9"}, 0),
        (None, {"prefer": "wait=-9"}, 0),
        (None, {"x-stainless-poll-helper": "true"}, 25),
        (None, {"x-stainless-poll-helper": "true", "x-stainless-read-timeout": "600"}, 25),
        (None, {"x-stainless-poll-helper": "true", "x-stainless-read-timeout": "10"}, 5),
        (30, {"x-stainless-read-timeout": "10"}, 5),
        (30, {"x-stainless-read-timeout": "None"}, 30),
        (30, {"x-stainless-read-timeout": "nan"}, 30),
        (None, {"x-stainless-poll-helper": "true", "x-stainless-custom-poll-interval": "1000"}, 0),
        (None, {"x-stainless-poll-helper": "true", "x-stainless-poll-interval": "1000"}, 0),
        (None, {"x-stainless-poll-helper": "true", "x-stainless-custom-poll-interval": "1", "prefer": "wait=4"}, 4),
    ],
)
def test_an_answer_is_held_as_the_query_says_else_the_preference_else_the_sdk(
    asked: float | None, headers: dict[str, str], seconds: float
) -> None:
    assert wait_of(Headers(headers), asked) == seconds


@pytest.mark.parametrize("value", ["-1", "soon", "nan", ""])
def test_a_malformed_wait_is_refused(server: Waits, value: str) -> None:
    answer = server.gateway.http.get("/v1/videos/video_x", params={"wait": value})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "wait")


@pytest.mark.parametrize(("query", "prefer"), [("?wait=60", ""), ("", "wait=60")])
def test_a_held_answer_comes_when_the_video_ends(server: Waits, query: str, prefer: str) -> None:
    video_id = server.create()
    held = Held(server.gateway, f"/v1/videos/{video_id}{query}", prefer=prefer)
    until(lambda: server.waiting == 1)
    ended = server.cancel(video_id)
    answer = held.finish()
    assert answer.json()["error"]["code"] == "cancelled"
    assert "openai-poll-after-ms" not in answer.headers
    assert held.at - ended < SOON
    until(lambda: server.waiting == 0)


def test_an_answer_that_waited_in_vain_is_the_pending_video_and_says_come_back_soon(server: Waits) -> None:
    video_id = server.create()
    passed, answer = timed(server.gateway, f"/v1/videos/{video_id}?wait=0.5")
    assert 0.5 <= passed < 0.5 + SOON
    assert answer.json()["status"] == "in_progress"
    assert answer.headers["openai-poll-after-ms"] == "250"
    until(lambda: server.waiting == 0)
    passed, answer = timed(server.gateway, f"/v1/videos/{video_id}")
    assert answer.headers["openai-poll-after-ms"] == "1000"


def test_progress_does_not_end_the_wait(server: Waits) -> None:
    video_id = server.create()
    held = Held(server.gateway, f"/v1/videos/{video_id}?wait=60")
    until(lambda: server.waiting == 1)
    before = server.get(video_id)["progress"]
    server.fake.clock.advance(300)
    until(lambda: server.get(video_id)["progress"] > before)
    assert server.waiting == 1
    server.end_all()
    assert held.finish().json()["status"] == "completed"


def test_what_has_ended_or_is_not_yours_is_answered_at_once(server: Waits) -> None:
    video_id = server.create()
    server.cancel(video_id)
    passed, answer = timed(server.gateway, f"/v1/videos/{video_id}?wait=60")
    assert (answer.status_code, passed < SOON) == (200, True)
    passed, answer = timed(server.gateway, "/v1/videos/video_of_nobody?wait=60")
    assert (answer.status_code, answer.json()["error"]["code"], passed < SOON) == (404, "video_not_found", True)


def test_a_video_that_is_deleted_while_somebody_waits_is_not_found(server: Waits) -> None:
    video_id = server.create()
    held = Held(server.gateway, f"/v1/videos/{video_id}?wait=30")
    until(lambda: server.waiting == 1)
    server.gateway.http.delete(f"/v1/videos/{video_id}")
    assert held.finish().json()["error"]["code"] == "video_not_found"


def test_create_and_poll_returns_at_the_end_and_costs_a_handful_of_requests(server: Waits) -> None:
    requests: list[str] = []
    returned: dict[str, Any] = {}
    log = {"request": [lambda request: requests.append(request.method)]}

    def run() -> None:
        with DefaultHttpxClient(event_hooks=log) as http:
            client = OpenAI(base_url=f"{server.gateway.url}/v1", api_key="none", http_client=http)
            video = client.videos.create_and_poll(
                prompt="a calm sea", extra_body={"seconds": "1", "resolution": "480p"}
            )
            returned.update(status=video.status, at=time.monotonic())

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: server.waiting == 1)
    newest = server.gateway.http.get("/v1/videos", params={"limit": 1}).json()["data"][0]["id"]
    until(lambda: server.get(newest)["status"] == "in_progress")
    polls = server.fake.ledger.arrivals["status"]
    until(lambda: server.fake.ledger.arrivals["status"] > polls)
    server.end_all()
    thread.join(timeout=60)
    row = server.get(newest)
    assert returned["status"] == row["status"] == "completed"
    assert requests == ["POST", "GET"]


def test_a_client_with_an_interval_of_its_own_polls_as_it_likes(server: Waits) -> None:
    video_id = server.create()
    helper = {"X-Stainless-Poll-Helper": "true", "X-Stainless-Custom-Poll-Interval": "50"}
    with OpenAI(base_url=f"{server.gateway.url}/v1", api_key="none") as client:
        began = time.monotonic()
        assert client.videos.retrieve(video_id, extra_headers=helper).status == "in_progress"
    assert time.monotonic() - began < SOON


def test_an_sdk_with_little_patience_is_answered_before_it_gives_up(server: Waits) -> None:
    video_id = server.create()
    helper = {"X-Stainless-Poll-Helper": "true"}
    with OpenAI(base_url=f"{server.gateway.url}/v1", api_key="none", timeout=12, max_retries=0) as client:
        answer = client.videos.with_raw_response.retrieve(video_id, extra_headers=helper)
        assert answer.parse().status == "in_progress"
    assert answer.headers["openai-poll-after-ms"] == "250"


def test_a_client_that_hangs_up_is_forgotten_at_once(server: Waits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.waiting._TRUSTED_SECONDS", NEVER)
    until(lambda: server.waiting == 0)
    video_id = server.create()
    address = httpx.URL(server.gateway.url)
    with socket.create_connection((address.host, address.port or 0)) as connection:
        connection.sendall(f"GET /v1/videos/{video_id}?wait=60 HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        until(lambda: server.waiting == 1)
    until(lambda: server.waiting == 0, timeout=SOON)  # it was to be held for a minute


def test_one_waiter_too_many_is_answered_at_once(server: Waits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.gateway.app.state.gateway.feed, "_most", 0)
    video_id = server.create()
    passed, answer = timed(server.gateway, f"/v1/videos/{video_id}?wait=60")
    assert (answer.json()["status"], passed < SOON) == ("in_progress", True)
    assert answer.headers["openai-poll-after-ms"] == "1000"


def test_waiting_clients_neither_ask_the_provider_nor_hold_up_creates(server: Waits) -> None:
    watched = [server.create() for _ in range(4)]

    async def creates(http: httpx.AsyncClient) -> float:
        """Return the seconds that the middle one of twenty took."""
        took: list[float] = []
        for number in range(20):
            began = time.monotonic()
            body = {"prompt": f"sea {number}", "seconds": 1, "resolution": "480p"}
            assert (await http.post("/v1/videos", json=body)).status_code == 200
            took.append(time.monotonic() - began)
        return sorted(took)[len(took) // 2]

    async def scene() -> tuple[float, float, set[str]]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=server.gateway.url, timeout=70, limits=limits) as http:
            alone = await creates(http)
            paths = [f"/v1/videos/{watched[number % 4]}?wait=60" for number in range(200)]
            held = [asyncio.create_task(http.get(path)) for path in paths]
            while server.waiting < 200:
                await asyncio.sleep(0.01)
            crowded = await creates(http)
            server.end_all()
            return alone, crowded, {(await each).json()["status"] for each in held}

    before = server.fake.ledger.arrivals["status"]
    began = time.monotonic()
    alone, crowded, ends = asyncio.run(scene())
    assert ends == {"completed"}
    assert crowded < 0.25 + 3 * alone  # a busy machine slows both
    polls_of_jobs = 60 * (time.monotonic() - began) / 0.1  # at most sixty jobs live, each asked after every 0.1 s
    assert server.fake.ledger.arrivals["status"] - before <= polls_of_jobs
    until(lambda: server.waiting == 0)


def test_a_stopping_gateway_answers_those_who_wait_with_what_is(tmp_path: Path) -> None:
    with waits(tmp_path) as server:
        video_id = server.create()
        held = Held(server.gateway, f"/v1/videos/{video_id}?wait=60")
        until(lambda: server.waiting == 1)
    assert held.finish().json()["status"] == "in_progress"  # the server itself would cut it off after five seconds


def test_a_replica_is_told_of_an_end_at_another_one(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_LOOK_SECONDS", NEVER)  # so that it does not find out by itself
    with two_replicas(tmp_path, postgres_url) as (works, answers):
        video_id = works.create()
        held = Held(answers, f"/v1/videos/{video_id}?wait=60")
        until(lambda: answers.app.state.gateway.feed.waiting == 1)
        works.end_all()
        until(lambda: works.get(video_id)["status"] == "completed")
        ended = time.monotonic()
        assert held.finish().json()["status"] == "completed"
        assert held.at - ended < SOON


def test_a_replica_finds_by_looking_what_it_was_not_told(tmp_path: Path, postgres_url: str) -> None:
    with two_replicas(tmp_path, postgres_url) as (works, answers):
        video_id = works.create()
        held = Held(answers, f"/v1/videos/{video_id}?wait=60")
        until(lambda: answers.app.state.gateway.feed.waiting == 1)
        ended = works.cancel(video_id)
        assert held.finish().json()["error"]["code"] == "cancelled"
        assert held.at - ended < SOON
