"""The fake xAI does what reference/xai.md says the real one does."""

from __future__ import annotations

import base64
import io
import time
from typing import TYPE_CHECKING, Any

import av
import httpx
import pytest
from PIL import Image

from tests.upstreams import xai_errors
from tests.upstreams.behaviour import Rule, accept_then, answer, cut, fail, never, no_video, shape
from tests.upstreams.running import run
from tests.upstreams.xai import KEY, FakeXai

if TYPE_CHECKING:
    from collections.abc import Iterator

GROK: dict[str, Any] = {"model": "grok-imagine-video", "prompt": "a calm sea", "duration": 1}
LINK = {"url": "https://example.com/a.png"}
TICKS = 500_000_000  # 1 s at 480p: $0.05
MISTAKES: list[tuple[str, dict[str, Any], int, str]] = [
    ("generations", {"model": "none"}, 404, "does not exist"),
    ("generations", {"prompt": 1}, 422, "prompt: invalid type, expected a string"),
    ("generations", {"seed": 1}, 422, "unknown field `seed`"),
    ("generations", {"image": {"uri": "x"}}, 422, "unknown field `image.uri`"),
    ("generations", {"image": {}}, 400, "Exactly one of url and file_id"),
    ("generations", {"duration": 16}, 400, "1 to 15 seconds"),
    ("generations", {"duration": "8"}, 422, "expected an integer"),
    ("generations", {"aspect_ratio": "auto"}, 400, "Unsupported aspect_ratio"),
    ("generations", {"resolution": "1080p"}, 400, "does not support resolution"),
    ("generations", {"prompt": "x" * 4097}, 400, "4096"),
    ("generations", {"image": LINK, "reference_images": [LINK]}, 400, "cannot be combined"),
    ("generations", {"reference_images": [LINK] * 8}, 400, "at most 7"),
    ("generations", {"reference_images": [LINK], "duration": 11}, 400, "1 to 10 seconds"),
    ("generations", {"last_frame": LINK}, 400, "does not support last_frame"),
    ("generations", {"storage_options": {}}, 400, "filename is required"),
    ("generations", {"prompt": ""}, 400, "A prompt is required"),
    ("edits", {"video_url": "https://example.com/a.mp4"}, 422, "missing field `video`"),
    ("edits", {"video": LINK, "model": "grok-imagine-video-1.5"}, 400, "does not support video edits"),
    ("extensions", {"video": LINK, "duration": 11}, 400, "between 2 and 10"),
]


@pytest.fixture
def fake() -> FakeXai:
    return FakeXai(seconds=100)


@pytest.fixture
def http(fake: FakeXai) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {KEY}"}
    with run(fake.app) as url, httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        yield client


def submit(http: httpx.Client, endpoint: str = "generations", **fields: Any) -> str:
    reply = http.post(f"/v1/videos/{endpoint}", json={**GROK, **fields})
    assert reply.status_code == 200, reply.text
    request_id: str = reply.json()["request_id"]
    return request_id


def poll(http: httpx.Client, request_id: str) -> Any:
    return http.get(f"/v1/videos/{request_id}").json()


def clip_of(url: str) -> tuple[int, int, float, int]:
    with av.open(io.BytesIO(httpx.get(url, timeout=60).content)) as clip:
        stream = clip.streams.video[0]
        assert clip.streams.audio
        return stream.width, stream.height, float(stream.average_rate or 0), stream.frames


def test_a_video_is_submitted_polled_and_fetched(fake: FakeXai, http: httpx.Client) -> None:
    request_id = submit(http)
    fake.clock.advance(50)
    pending = http.get(f"/v1/videos/{request_id}")
    assert pending.status_code == 202
    assert pending.json() == {"status": "pending", "progress": 50, "model": "grok-imagine-video"}
    fake.clock.advance(50)
    done = poll(http, request_id)
    assert (done["status"], done["progress"], done["usage"]) == ("done", 100, {"cost_in_usd_ticks": TICKS})
    assert (done["video"]["duration"], done["video"]["respect_moderation"]) == (1, True)
    assert clip_of(done["video"]["url"]) == (848, 480, 24.0, 25)
    assert fake.ledger.charged() == 50_000
    assert fake.ledger.bodies() == [GROK]
    assert KEY not in str(fake.ledger.snapshot())
    http.get(done["video"]["url"])  # this client sends its key everywhere
    assert len(fake.ledger.leaks) == 1
    fake.clock.advance(24 * 3600)
    assert poll(http, request_id)["status"] == "expired"
    assert httpx.get(done["video"]["url"], timeout=60).status_code == 404


def test_a_wrong_body_is_refused_and_not_paid(fake: FakeXai, http: httpx.Client) -> None:
    for endpoint, fields, status, text in MISTAKES:
        reply = http.post(f"/v1/videos/{endpoint}", json={**GROK, **fields})
        assert (reply.status_code, text in reply.json()["error"]) == (status, True), reply.text
    assert http.post("/v1/videos/generations", data=GROK).status_code == 415
    fake.zero_retention = True
    reply = http.post("/v1/videos/generations", json=GROK)
    assert reply.json() == {"code": "invalid-argument", "error": xai_errors.ZERO_RETENTION}
    assert fake.ledger.paid() == []


def test_the_three_forms_of_errors(fake: FakeXai, http: httpx.Client) -> None:
    assert httpx.get(str(http.base_url.join("/v1/videos/x")), timeout=60).status_code == 401
    assert set(poll(http, "x")) == {"code", "error"}
    fake.form = "nested"
    assert set(poll(http, "x")["error"]) == {"message", "type", "param", "code"}
    fake.form = "bare"
    assert list(poll(http, "x")) == ["error"]
    fake.rules.add(Rule(on="submit", do=answer(429, xai_errors.error("resource-exhausted", "Too many requests"))))
    assert http.post("/v1/videos/generations", json=GROK).status_code == 429


def test_polls_and_ends_take_every_known_shape(fake: FakeXai, http: httpx.Client) -> None:
    rules = {
        "empty": shape(running="empty"),
        "ok": shape(running="ok", done="bare"),
        "flag": shape(moderated="flag"),
        "blocked": shape(moderated="failed"),
        "refused": shape(moderated="refused"),
        "broken": fail(error_type="internal_error", error="Something broke."),
        "lost": no_video(),
        "never": never(),
    }
    fake.rules.add(*(Rule(on="job", do=do, match={"prompt": name}) for name, do in rules.items()))
    ids = {name: submit(http, prompt=name) for name in rules}
    empty = http.get(f"/v1/videos/{ids['empty']}")
    assert (empty.status_code, empty.content) == (202, b"")
    assert http.get(f"/v1/videos/{ids['ok']}").status_code == 200
    fake.clock.advance(100)
    assert "status" not in poll(http, ids["ok"])
    assert poll(http, ids["flag"])["video"] == {"url": "", "duration": 1, "respect_moderation": False}
    assert poll(http, ids["blocked"])["error"]["code"] == "invalid_argument"
    refused = http.get(f"/v1/videos/{ids['refused']}")
    assert (refused.status_code, refused.json()["usage"]) == (400, {"cost_in_usd_ticks": TICKS})
    assert poll(http, ids["broken"])["usage"] == {"cost_in_usd_ticks": 0}
    assert poll(http, ids["lost"])["video"] is None
    assert poll(http, ids["never"])["status"] == "pending"
    charged = {str(paid.body["prompt"]): (paid.outcome, paid.charged) for paid in fake.ledger.paid()}
    assert charged["flag"] == charged["blocked"] == charged["refused"] == ("failed", 50_000)
    assert (charged["broken"], charged["never"]) == (("failed", 0), ("pending", 0))


def test_a_lost_submit_is_found_by_its_file_name(fake: FakeXai, http: httpx.Client) -> None:
    fake.rules.add(Rule(on="submit", do=accept_then(cut(reset=True))))
    with pytest.raises(httpx.ReadError):
        submit(http, storage_options={"filename": "sub-1.mp4", "public_url": True})
    submit(http, storage_options={"filename": "sub-2.mp4"})
    query = {"filter": 'name = "sub-1.mp4"'}
    assert http.get("/v1/files", params=query).json()["data"] == []
    fake.clock.advance(100)
    (file,) = http.get("/v1/files", params=query).json()["data"]
    assert file["filename"] == "sub-1.mp4"
    content = http.get(f"/v1/files/{file['id']}/content").content
    assert len(content) == file["bytes"]
    output = poll(http, fake.ledger.paid()[0].request_id)["video"]["file_output"]
    assert httpx.get(output["public_url"], timeout=60).content == content


def test_edits_keep_the_source_and_extensions_add_to_it(fake: FakeXai, http: httpx.Client) -> None:
    first = submit(http, duration=2, resolution="720p", aspect_ratio="1:1")
    fake.clock.advance(100)
    source = {"url": poll(http, first)["video"]["url"]}
    edited = http.post("/v1/videos/edits", json={"model": GROK["model"], "prompt": "x", "video": source})
    longer = submit(http, "extensions", video=source, duration=2)
    fake.clock.advance(100)
    assert clip_of(poll(http, edited.json()["request_id"])["video"]["url"]) == (720, 720, 24.0, 49)
    done = poll(http, longer)
    assert clip_of(done["video"]["url"])[3] == 97
    assert done["usage"]["cost_in_usd_ticks"] == 1_600_000_000  # 2 s added at $.07, 2 s of source at $.01


def test_an_image_gives_its_ratio_and_the_film_can_be_pushed(fake: FakeXai, http: httpx.Client) -> None:
    file = io.BytesIO()
    Image.new("RGB", (300, 400)).save(file, "PNG")
    image = {"url": f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"}
    target = str(http.base_url.join("/somewhere"))
    request_id = submit(http, image=image, output={"upload_url": target})
    assert fake.jobs[request_id].frame == (480, 640)
    fake.clock.advance(100)
    assert poll(http, request_id)["video"]["url"] == target
    deadline = time.monotonic() + 60
    while not fake.ledger.arrivals["other"]:  # the PUT of the film, at this very server
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_models_of_the_key_are_told_to_the_key_alone(fake: FakeXai, http: httpx.Client) -> None:
    models = http.get("/v1/video-generation-models").json()["models"]
    assert [model["id"] for model in models][:2] == ["grok-imagine-video", "grok-imagine-video-1.5"]
    assert http.get("/v1/video-generation-models", headers={"Authorization": "Bearer x"}).status_code == 401
    assert fake.ledger.paid() == []
