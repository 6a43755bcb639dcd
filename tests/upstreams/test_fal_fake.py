"""The fake fal.ai itself: misbehaviour on real connections, signed callbacks, recovery, prices."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from tests.upstreams import behaviour as do
from tests.upstreams.behaviour import Rule
from tests.upstreams.clock import Clock
from tests.upstreams.fal import KEY, FakeFal
from tests.upstreams.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

GROK = "/xai/grok-imagine-video"
T2V = f"{GROK}/text-to-video"
PROMPT = {"prompt": "a calm sea", "duration": 1}


class Client:
    """A fake, and a client that holds its key."""

    def __init__(self, fake: FakeFal, http: httpx.Client) -> None:
        self.fake, self.http = fake, http

    def submit(self, path: str = T2V, **fields: Any) -> dict[str, Any]:
        answer = self.http.post(path, json={**PROMPT, **fields} if path == T2V else fields)
        assert answer.status_code == 200, answer.text
        submitted: dict[str, Any] = answer.json()
        return submitted

    def result(self, submitted: dict[str, Any]) -> httpx.Response:
        deadline = time.monotonic() + 60
        while self.http.get(submitted["status_url"]).status_code == 202:
            assert time.monotonic() < deadline, "the job did not end"
            time.sleep(0.01)
        return self.http.get(submitted["response_url"])


@pytest.fixture
def fal() -> Iterator[Client]:
    fake = FakeFal()
    headers = {"Authorization": f"Key {KEY}"}
    with run(fake.app) as url, httpx.Client(base_url=url, headers=headers, timeout=60) as http:
        yield Client(fake, http)


@pytest.mark.parametrize(
    ("what", "error", "paid"),
    [
        (do.cut(), httpx.RemoteProtocolError, 0),
        (do.cut(reset=True), httpx.ReadError, 0),
        (do.cut(unread=True, reset=True), httpx.TransportError, 0),
        (do.hang(), httpx.ReadTimeout, 0),
        (do.accept_then(do.cut()), httpx.RemoteProtocolError, 1),
        (do.accept_then(do.cut(reset=True)), httpx.ReadError, 1),
        (do.accept_then(do.hang()), httpx.ReadTimeout, 1),
        (do.half(short=True), httpx.RemoteProtocolError, 1),
    ],
)
def test_connections_end_badly(fal: Client, what: do.Do, error: type[Exception], paid: int) -> None:
    fal.fake.rules.add(Rule(on="submit", do=what))
    with pytest.raises(error):
        fal.http.post(T2V, json=PROMPT, timeout=3 if error is httpx.ReadTimeout else 60)
    assert len(fal.fake.ledger.paid()) == paid
    fal.submit()  # the rule is used up


@pytest.mark.parametrize(
    ("what", "status", "paid"),
    [
        (do.answer(429, {"detail": "slow down"}), 429, 0),
        (do.html(503), 503, 0),
        (do.accept_then(do.html(502)), 502, 1),
        (do.garbage(), 200, 1),
        (do.half(), 200, 1),
        (do.drip(0.1), 200, 1),
        (do.delay(0.1), 200, 1),
    ],
)
def test_answers_are_bad(fal: Client, what: do.Do, status: int, paid: int) -> None:
    fal.http.post("/_fake/rules", json=[Rule(on="submit", do=what, match={"prompt": "calm"}).model_dump()])
    answer = fal.http.post(T2V, json=PROMPT)
    assert answer.status_code == status
    assert len(fal.http.get("/_fake/ledger").json()["paid"]) == paid
    if what.kind in {"garbage", "half", "answer"} and not what.body:
        with pytest.raises(ValueError, match=r"codec|line"):
            answer.json()


def test_refusals(fal: Client) -> None:
    wrong = fal.http.post(T2V, json={"duration": "6", "seed": 1})
    assert wrong.status_code == 422
    assert [(entry["type"], entry["loc"]) for entry in wrong.json()["detail"]] == [
        ("missing", ["body", "prompt"]),
        ("int_type", ["body", "duration"]),
        ("extra_forbidden", ["body", "seed"]),
    ]
    assert fal.http.post(T2V, json=PROMPT, headers={"Authorization": "Key nonsense"}).status_code == 401
    assert fal.http.post(GROK, json=PROMPT).status_code == 404
    fal.fake.lock()
    assert "Exhausted balance" in fal.http.post(T2V, json=PROMPT).json()["detail"]
    assert not fal.fake.ledger.paid()


@pytest.mark.parametrize(
    ("endpoint", "wrong"),
    [
        ("fal-ai/veo3.1", {"duration": 8}),
        ("fal-ai/veo3.1", {"duration": "8"}),
        ("fal-ai/veo3.1", {"resolution": "2160p"}),
        ("fal-ai/kling-video/v3/pro/text-to-video", {"duration": 5}),
        ("fal-ai/kling-video/v3/pro/text-to-video", {"cfg_scale": 0.5}),
        ("fal-ai/kling-video/v2.5-turbo/pro/text-to-video", {"cfg_scale": 1.5}),
        ("fal-ai/wan/v2.7/text-to-video", {"duration": "5"}),
        ("wan/v2.6/text-to-video", {"duration": 5}),
        ("bytedance/seedance-2.0/text-to-video", {"seed": 1}),
        ("fal-ai/ltx-2.3/text-to-video", {"duration": 7}),
        ("fal-ai/minimax/hailuo-02/pro/text-to-video", {"duration": "6"}),
        ("fal-ai/sora-2/text-to-video", {"resolution": "1080p"}),
    ],
)
def test_other_models_take_what_is_documented_only(fal: Client, endpoint: str, wrong: dict[str, Any]) -> None:
    answer = fal.http.post(f"/{endpoint}", json={"prompt": "a calm sea", **wrong})
    assert answer.status_code == 422
    assert [entry["loc"] for entry in answer.json()["detail"]] == [["body", *wrong]]


@pytest.mark.parametrize(
    ("endpoint", "fields", "film"),
    [
        ("fal-ai/veo3.1", {"duration": "4s", "resolution": "4k"}, (3840, 2160, 97)),
        ("fal-ai/minimax/hailuo-02/pro/text-to-video", {}, (1920, 1080, 145)),
        ("fal-ai/minimax/hailuo-2.3/standard/text-to-video", {"duration": "10"}, (1360, 768, 241)),
        ("bytedance/seedance-2.0/text-to-video", {"duration": "auto", "aspect_ratio": "9:16"}, (720, 1280, 121)),
        ("fal-ai/wan/v2.7/text-to-video", {"duration": 2, "aspect_ratio": "4:3"}, (1440, 1080, 49)),
    ],
)
def test_other_models_make_what_was_asked(
    fal: Client, endpoint: str, fields: dict[str, Any], film: tuple[int, int, int]
) -> None:
    video = fal.result(fal.submit(f"/{endpoint}", prompt="a calm sea", **fields)).json()["video"]
    assert (video["width"], video["height"], video["num_frames"]) == film


def test_a_held_clock_shows_every_state() -> None:
    fake = FakeFal(clock=Clock(held=True))
    headers = {"Authorization": f"Key {KEY}"}
    with run(fake.app) as url, httpx.Client(base_url=url, headers=headers, timeout=60) as http:
        urls = http.post(T2V, json=PROMPT).json()
        assert http.get(urls["status_url"]).json()["queue_position"] == 2
        fake.clock.advance(0.06)
        assert http.get(urls["status_url"] + "/?logs=1").json()["status"] == "IN_PROGRESS"
        assert http.get(urls["response_url"]).status_code == 400
        fake.clock.advance(1)
        assert http.get(urls["status_url"]).json()["status"] == "COMPLETED"
        result = http.get(urls["response_url"] + "/response")
        assert result.headers["x-fal-billable-units"] == "1.4"
        assert http.put(urls["cancel_url"]).json() == {"status": "ALREADY_COMPLETED"}
        fake.clock.advance(3601)
        assert http.get(urls["response_url"]).status_code == 404


def test_prices_are_as_recorded(fal: Client) -> None:
    """fal.md §5: 8 s edited are 9.6 units at 850x482 or so, 8 s extended by 4 s are 5.6 units and 12.04 s."""
    source = fal.result(fal.submit(duration=8, resolution="480p")).json()["video"]["url"]
    edited = fal.result(fal.submit(f"{GROK}/edit-video", prompt="blue", video_url=source))
    assert edited.headers["x-fal-billable-units"] == "9.6"
    extended = fal.result(fal.submit(f"{GROK}/extend-video", prompt="on", video_url=source, duration=4))
    assert extended.headers["x-fal-billable-units"] == "5.6"
    assert extended.json()["video"]["duration"] == 12.041667
    gone = fal.result(fal.submit(f"{GROK}/edit-video", prompt="blue", video_url="https://nowhere.invalid/film.mp4"))
    assert (gone.status_code, gone.json()["detail"][0]["type"]) == (422, "file_download_error")
    assert fal.fake.ledger.charged() == 400_000 + 480_000 + 280_000


def test_a_lost_submit_is_found_again(fal: Client) -> None:
    fal.fake.rules.add(Rule(on="submit", do=do.accept_then(do.cut())))
    with pytest.raises(httpx.RemoteProtocolError):
        fal.http.post(T2V, json=PROMPT)
    [paid] = fal.fake.ledger.paid()
    fal.http.post("/_fake/advance", json={"seconds": 10})
    fal.http.get(f"{T2V}/requests/{paid.request_id}/status")
    query = {"endpoint_id": T2V.strip("/"), "expand": "payloads"}
    [item] = fal.http.get("/v1/models/requests/by-endpoint", params=query).json()["items"]
    assert (item["request_id"], item["json_input"], item["status_code"]) == (paid.request_id, PROMPT, 200)


def test_callbacks_are_signed(fal: Client) -> None:
    got: list[tuple[dict[str, str], bytes]] = []

    async def receive(request: Request) -> Response:
        got.append((dict(request.headers), await request.body()))
        return Response(status_code=500 if len(got) == 1 else 200)

    with run(Starlette(routes=[Route("/hook/{rest:path}", receive, methods=["POST"])])) as hooks:
        fal.http.post(T2V, params={"fal_webhook": f"{hooks}/hook/attempt/mac"}, json=PROMPT)
        _until(lambda: len(got) == 2)  # the first is not acknowledged
        fal.fake.rules.add(Rule(on="callback", do=do.forge()))
        fal.http.post(T2V, params={"fal_webhook": f"{hooks}/hook/"}, json=PROMPT)
        _until(lambda: len(got) == 3)
    x = fal.http.get("/.well-known/jwks.json").json()["keys"][0]["x"]
    key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "="))
    assert [_is_signed(key, *callback) for callback in got] == [True, True, False]


def _until(done: Any) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def _is_signed(key: Ed25519PublicKey, headers: dict[str, str], raw: bytes) -> bool:
    names = ("request-id", "user-id", "timestamp")
    lines = [headers[f"x-fal-webhook-{name}"] for name in names] + [hashlib.sha256(raw).hexdigest()]
    try:
        key.verify(bytes.fromhex(headers["x-fal-webhook-signature"]), "\n".join(lines).encode())
    except Exception:  # noqa: BLE001 — whatever the reason, it is not signed
        return False
    return True
