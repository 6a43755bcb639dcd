"""The fake AI/ML API does what reference/aimlapi.md says the real one does."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import av
import httpx
import pytest

from tests.upstreams import aimlapi_errors
from tests.upstreams.aimlapi import KEY, PATH, FakeAimlApi
from tests.upstreams.aimlapi_shapes import FACE_NOT_FOUND
from tests.upstreams.behaviour import Rule, accept_then, answer, cut, fail, never, no_video, shape
from tests.upstreams.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator

GROK: dict[str, Any] = {"model": "x-ai/grok-imagine-video", "prompt": "a calm sea", "duration": 1, "resolution": "480p"}
IMAGE = "https://example.com/cat.png"
KLING = {"model": "klingai/video-v3-pro-image-to-video", "image_url": IMAGE, "duration": 5}

MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"model": "x-ai/none"}, "Invalid enum value"),
    ({"prompt": 1}, "Expected string, received number"),
    ({"duration": 16}, "less than or equal to 15"),
    ({"duration": 1.5}, "Expected integer, received float"),
    ({"duration": "soon"}, "Expected number, received string"),
    ({"aspect_ratio": "21:9"}, "received '21:9'"),
    ({"image_url": "cat.png"}, "Invalid url"),
    ({"image_url": IMAGE, "reference_images": [IMAGE]}, "cannot be combined"),
    ({"reference_images": [IMAGE] * 8}, "at most 7 element(s)"),
    ({"reference_images": [{"url": IMAGE}]}, "Expected string, received object"),
    ({"seed": 1}, "Unrecognized key(s)"),
    ({"model": "x-ai/grok-imagine-video-1.5-preview"}, "image_url: Required"),
    ({"model": "minimax/hailuo-2.3", "duration": 6, "resolution": "768p"}, "received '768p'"),
    ({"model": "bytedance/seedance-2-0", "duration": 5, "resolution": "2160p"}, "received '2160p'"),
    ({"model": "alibaba/wan-2-7-t2v", "duration": 2, "resolution": "720p"}, "received '2'"),
    ({**KLING, "resolution": "720p"}, "Unrecognized key(s)"),
    ({**KLING, "cfg_scale": 1.5}, "less than or equal to 1"),
    ({**KLING, "elements": [IMAGE]}, "Expected object, received string"),
]


@pytest.fixture
def fake() -> FakeAimlApi:
    return FakeAimlApi(seconds=100)


@pytest.fixture
def http(fake: FakeAimlApi) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {KEY}"}
    with run(fake.app) as url, httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        yield client


def submit(http: httpx.Client, **fields: Any) -> Any:
    reply = http.post(PATH, json={**GROK, **fields})
    assert reply.status_code == 200, reply.text
    return reply.json()


def poll(http: httpx.Client, generation_id: str) -> Any:
    return http.get(PATH, params={"generation_id": generation_id}).json()


def test_the_two_calls_of_the_vendors_page_yield_a_film(fake: FakeAimlApi, http: httpx.Client) -> None:
    """The seed's two calls; the sample on that page sends the duration as a string."""
    data = {"model": "x-ai/grok-imagine-video", "prompt": "A cheerful elephant.", "duration": "8"}
    response = http.post("/v2/video/generations", json=data)
    gen_id = response.json()["id"]
    assert response.json()["status"] == "queued"
    assert response.json()["meta"]["usage"] == {"credits_used": 1_164_800, "usd_spent": 0.5824}
    fake.clock.advance(50)
    assert http.get("/v2/video/generations", params={"generation_id": gen_id}).json()["status"] == "generating"
    assert fake.ledger.charged() == 0
    fake.clock.advance(50)
    done = http.get("/v2/video/generations", params={"generation_id": gen_id}).json()
    assert done["status"] == "completed"
    with av.open(io.BytesIO(httpx.get(done["video"]["url"], timeout=60).content)) as clip:
        stream = clip.streams.video[0]
        assert (stream.width, stream.height, float(stream.average_rate or 0), stream.frames) == (1280, 720, 24.0, 193)
        assert clip.streams.audio
    assert fake.ledger.charged() == 582_400
    assert fake.ledger.bodies() == [data]
    assert KEY not in str(fake.ledger.snapshot())


def test_a_wrong_body_is_refused_in_zods_words_and_not_paid(fake: FakeAimlApi, http: httpx.Client) -> None:
    for fields, text in MISTAKES:
        reply = http.post(PATH, json={**GROK, **fields})
        assert reply.status_code == 400
        assert text in str(reply.json()["message"])
    assert fake.ledger.paid() == []


def test_both_error_envelopes_and_the_lack_of_key_and_credits(fake: FakeAimlApi, http: httpx.Client) -> None:
    assert httpx.post(str(http.base_url.join(PATH)), json=GROK, timeout=60).status_code == 401
    fake.balance = 0.01
    reply = http.post(PATH, json=GROK)
    assert reply.status_code == 403
    assert reply.json()["error"]["data"]["kind"] == "err_insufficent_credits"
    fake.balance, fake.retired = 1, {GROK["model"]}
    assert http.post(PATH, json=GROK).status_code == 404
    fake.form = 1
    assert set(http.post(PATH, json=GROK).json()) == {"message", "path", "requestId", "statusCode", "timestamp"}
    assert fake.ledger.paid() == []


def test_words_and_shapes_drift_by_rule(fake: FakeAimlApi, http: httpx.Client) -> None:
    words = {"queued": "waiting", "generating": "processing", "completed": "succeeded"}
    fake.rules.add(
        Rule(on="job", do=shape(words=words, video="list", id="model")),
        Rule(on="job", do=shape(video="file", meta=False)),
        Rule(on="job", do=fail(body=FACE_NOT_FOUND)),
        Rule(on="job", do=no_video()),
        Rule(on="job", do=never()),
    )
    drifted, filed, failed, empty, running = (submit(http, prompt=str(number)) for number in range(5))
    assert (drifted["status"], ":x-ai/" in drifted["id"], "meta" in filed) == ("waiting", True, False)
    fake.clock.advance(50)
    assert poll(http, drifted["id"])["status"] == "processing"
    fake.clock.advance(50)
    done = poll(http, drifted["id"])
    assert (done["status"], httpx.get(done["video"][0], timeout=60).status_code) == ("succeeded", 200)
    assert set(poll(http, filed["id"])["video"]) == {"url", "content_type", "file_name", "file_size"}
    assert poll(http, failed["id"])["error"] == FACE_NOT_FOUND
    assert poll(http, empty["id"])["video"] is None
    assert poll(http, running["id"])["status"] == "queued"
    assert [paid.charged for paid in fake.ledger.paid()] == [52_000, 52_000, 0, 52_000, 0]


def test_tracing_headers_and_the_log_find_a_lost_submit(fake: FakeAimlApi, http: httpx.Client) -> None:
    fake.rules.add(Rule(on="submit", do=accept_then(cut())))
    with pytest.raises(httpx.RemoteProtocolError):
        http.post(PATH, json=GROK, headers={"X-Client-Request-Id": "sub:1"})
    reply = http.post(PATH, json=GROK, headers={"X-Client-Request-Id": "not legal!"})
    assert "x-client-request-id" not in reply.headers
    assert reply.headers["x-inference-id"] == reply.json()["id"]
    assert (reply.headers["x-aimlapi-credits-used"], reply.headers["x-aimlapi-usd-spent"]) == ("104000", "0.052000000")
    log = http.get("/v2/logs", params={"period": "1h", "limit": 1, "offset": 1}).json()
    assert log["pagination"] == {"limit": 1, "offset": 1, "total": 2, "has_more": False}
    assert log["data"][0]["client_request_id"] == "sub:1"
    assert poll(http, log["data"][0]["inference_id"])["status"] == "queued"
    assert http.get("/v2/logs").status_code == 400
    fake.log_lag = 60
    assert http.get("/v2/logs", params={"period": "1h"}).json()["data"] == []


def test_money_lands_with_completion(fake: FakeAimlApi, http: httpx.Client) -> None:
    made = submit(http)
    assert http.get("/v2/billing/transactions").json()["data"] == []
    fake.clock.advance(100)
    assert http.get("/v2/billing/transactions").json()["data"][0]["reference_id"] == made["id"]
    assert http.get("/v2/billing").json() == {"current_balance": 999.948, "currency": "USD"}
    assert http.get("/_fake/ledger").json()["charged"] == 52_000
    http.post("/_fake/reset")
    assert (fake.ledger.paid(), fake.left()) == ([], 1_000_000_000)


def test_the_log_takes_200_calls_a_minute(fake: FakeAimlApi, http: httpx.Client) -> None:
    codes = [http.get("/v2/logs", params={"period": "1h"}).status_code for _ in range(201)]
    assert (codes[:200], codes[200]) == ([200] * 200, 429)
    fake.clock.advance(60)
    assert http.get("/v2/logs", params={"period": "1h"}).status_code == 200


def test_polls_of_accepted_jobs_may_fail_for_a_while(fake: FakeAimlApi, http: httpx.Client) -> None:
    made = submit(http)
    fake.rules.add(
        Rule(on="status", do=answer(524, "error code: 524"), match={"query": made["id"]}),
        Rule(on="status", do=answer(404, aimlapi_errors.not_found()), match={"query": made["id"]}),
    )
    codes = [http.get(PATH, params={"generation_id": made["id"]}).status_code for _ in range(3)]
    assert codes == [524, 404, 200]
    assert http.get(PATH, params={"generation_id": "none"}).json()["message"] == "Inference not found"


def test_the_catalogue_needs_no_key_and_the_films_see_none(fake: FakeAimlApi, http: httpx.Client) -> None:
    query = {"id": GROK["model"], "include": "pricing,capabilities"}
    found = httpx.get(str(http.base_url.join("/v1/models")), params=query, timeout=60)
    assert found.json()["data"][0]["pricing"]["kind"] == "variants"
    again = http.get("/v1/models", params=query, headers={"If-None-Match": found.headers["etag"]})
    assert again.status_code == 304
    made = submit(http)
    fake.clock.advance(100)
    http.get(poll(http, made["id"])["video"]["url"])  # this client sends its key everywhere
    assert len(fake.ledger.leaks) == 1
