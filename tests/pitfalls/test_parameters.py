"""Complaints 22 to 27 about other gateways: fields that are refused, lost, misspelt, or altered in silence."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from tests.api.creating import DATA_URI, PICTURE
from tests.files import files_in
from tests.pitfalls.bench import MODEL, REAL, at_least
from tests.upstreams.behaviour import Rule, never
from tests.upstreams.films import film
from tests.upstreams.running import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request

    from tests.pitfalls.bench import Bench
    from tests.serving import Running

CLIP = film(640, 360, 49)  # two seconds
LINK = "https://93.184.216.34/boat.png"  # example.com's address: looked up without a network
BASE = {"prompt": "a paper boat", "resolution": "480p"}


def ordered(bench: Bench, provider: str, path: str = "/v1/videos", **request: Any) -> Any:
    """Send a create request, stop the job at once, and return the one body that the provider got."""
    bench.rules(provider).add(Rule(on="job", do=never(), times=None))
    answer = bench.main.http.post(path, **request)
    assert answer.status_code == 200, answer.text
    body = bench.sent(provider)
    assert bench.main.http.post(f"/v1/videos/{answer.json()['id']}/cancel").status_code == 200
    return body


def bytes_of(bench: Bench, address: str) -> bytes:
    """Return the file behind an input address: a data URI, or one of the fake fal's own files."""
    if address.startswith("data:"):
        return base64.b64decode(address.partition(",")[2])
    return bench.fal.storage.files[address.removeprefix(bench.environment["REELGATE_FAL_REST_URL"])]


@pytest.mark.parametrize("seconds", [8, "8", "8s", 8.0])
@pytest.mark.parametrize("field", ["seconds", "duration"])
@pytest.mark.parametrize("form", ["json", "multipart"])
def test_both_encodings_and_every_spelling_arrive_as_one_number(
    bench: Bench, seconds: object, field: str, form: str
) -> None:
    """Complaint 22: JSON bodies are refused, or multipart ones, or "8" where 8 is taken."""
    fields = {**BASE, "model": f"fal/{MODEL}", field: seconds}
    request: dict[str, Any] = (
        {"json": fields} if form == "json" else {"files": {name: (None, str(value)) for name, value in fields.items()}}
    )
    body = ordered(bench, "fal", **request)
    assert body["duration"] == 8
    assert type(body["duration"]) is int


def test_booleans_in_a_form_are_booleans(bench: Bench) -> None:
    """Complaint 22: "true" in a form is text, so strict is not strict and unknown fields have the wrong type."""
    fields = {**BASE, "model": f"fal/{MODEL}", "strict": "true", "seconds": "20"}
    answer = bench.main.http.post("/v1/videos", files={name: (None, value) for name, value in fields.items()})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_value")
    bench.fal.settings.strict = False
    more = {"strict": "false", "seed": "42", "audio": "true", "scale": "1.5", "style": "oil", "seconds": "20"}
    form = {name: (None, value) for name, value in {**fields, **more}.items()}
    try:
        body = ordered(bench, "fal", files=form)
    finally:
        bench.fal.settings.strict = True
    assert [body[name] for name in ("seed", "audio", "scale", "style")] == [42, True, 1.5, "oil"]


@pytest.mark.parametrize("provider", REAL)
def test_an_uploaded_picture_arrives_byte_for_byte(bench: Bench, provider: str) -> None:
    """Complaint 23: the body is used up while the model is read, and the picture is lost."""
    form: dict[str, Any] = {
        "data": {**BASE, "model": f"{provider}/{MODEL}"},
        "files": {"input_reference": ("boat.png", PICTURE)},
    }
    body = ordered(bench, provider, **form)
    address = body["image"]["url"] if provider == "xai" else body["image_url"]
    assert bytes_of(bench, address) == PICTURE


@pytest.mark.parametrize("provider", ["fal", "xai"])
@pytest.mark.parametrize("route", ["edits", "extensions"])
def test_an_uploaded_source_video_arrives_byte_for_byte(bench: Bench, provider: str, route: str) -> None:
    """Complaint 23: the uploaded source of an edit is not forwarded."""
    form: dict[str, Any] = {
        "data": {"prompt": "at night", "model": f"{provider}/{MODEL}"},
        "files": {"video": ("a.mp4", CLIP)},
    }
    body = ordered(bench, provider, f"/v1/videos/{route}", **form)
    assert bytes_of(bench, body["video"]["url"] if provider == "xai" else body["video_url"]) == CLIP


@pytest.mark.parametrize("provider", REAL)
@pytest.mark.parametrize("form", ["file", "link", "data URI", "data URI in an object", "uploaded file"])
def test_every_form_of_picture_reaches_every_provider(bench: Bench, provider: str, form: str) -> None:
    """Complaint 24: a data URI is sent as text in a png, or a file gives 500."""
    fields: dict[str, Any] = {**BASE, "model": f"{provider}/{MODEL}"}
    request: dict[str, Any] = {"json": fields}
    match form:
        case "file":
            request = {"data": fields, "files": {"input_reference": PICTURE}}
        case "link":
            fields["input_reference"] = LINK
        case "data URI":
            fields["image_url"] = DATA_URI
        case "data URI in an object":
            fields["input_reference"] = {"image_url": DATA_URI}
        case _:
            sent = bench.main.http.post("/v1/files", data={"purpose": "vision"}, files={"file": ("a.png", PICTURE)})
            fields["input_reference"] = {"file_id": sent.json()["id"]}
    body = ordered(bench, provider, **request)
    address = body["image"]["url"] if provider == "xai" else body["image_url"]
    assert address == LINK if form == "link" else bytes_of(bench, address) == PICTURE


@pytest.fixture
def private() -> Iterator[str]:
    """Serve a picture and a film by http on this machine, which the operator of the bench's gateway allows."""
    files = {"/boat.png": PICTURE, "/film.mp4": CLIP}

    async def serve_file(request: Request) -> Response:
        return Response(files[request.url.path])

    with run(Starlette(routes=[Route(path, serve_file) for path in files])) as url:
        yield url


@pytest.mark.parametrize("provider", REAL)
def test_a_link_that_only_the_gateway_can_follow_is_followed_by_it(bench: Bench, provider: str, private: str) -> None:
    """Complaint 24: a provider cannot reach what is on the operator's network, so it gets the picture itself."""
    wanted = {**BASE, "model": f"{provider}/{MODEL}", "image_url": f"{private}/boat.png"}
    body = ordered(bench, provider, json=wanted)
    assert private not in json.dumps(body)
    assert bytes_of(bench, body["image"]["url"] if provider == "xai" else body["image_url"]) == PICTURE


@pytest.mark.parametrize("provider", ["fal", "xai"])
def test_a_film_that_only_the_gateway_can_fetch_is_priced_and_sent(bench: Bench, provider: str, private: str) -> None:
    """Complaint 24, for a film: its length is known before anybody pays, as that of an uploaded one is."""
    wanted = {"prompt": "at night", "model": f"{provider}/{MODEL}", "video": {"url": f"{private}/film.mp4"}}
    estimate = bench.main.http.post("/v1/videos/edits?dryRun=true", json=wanted).json()
    assert estimate["total_cost_micros"] > 0
    body = ordered(bench, provider, "/v1/videos/edits", json=wanted)
    assert bytes_of(bench, body["video"]["url"] if provider == "xai" else body["video_url"]) == CLIP


def test_a_private_link_that_leads_nowhere_is_one_clear_400(bench: Bench) -> None:
    """Complaint 24: the job was accepted, and the provider asked for what it can never reach."""
    answer = bench.main.http.post("/v1/videos", json={**BASE, "image_url": "http://127.0.0.1:9/x.png"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_image")
    assert "http://127.0.0.1:9/x.png cannot be fetched" in answer.json()["error"]["message"]
    assert bench.paid() == []


@pytest.mark.parametrize("wrong", ["not a link", "data:image/png;base64,AAAA", "ftp://a.example/b.png", {"url": 1}])
def test_a_wrong_picture_is_one_clear_400(bench: Bench, wrong: object) -> None:
    """Complaint 24: the answer is a traceback."""
    answer = bench.main.http.post("/v1/videos", json={**BASE, "input_reference": wrong})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith("input_reference")
    assert "Traceback" not in answer.text
    assert bench.paid() == []


GOLDEN = [
    ("fal", MODEL, {}, {"duration": 6, "resolution": "480p", "aspect_ratio": "16:9"}),
    (
        "fal",
        MODEL,
        {"image_url": LINK},
        {"duration": 6, "resolution": "480p", "image_url": LINK, "aspect_ratio": "auto"},
    ),
    ("fal", f"{MODEL}-1.5", {"image_url": LINK}, {"duration": 6, "resolution": "480p", "image_url": LINK}),
    ("fal", f"{MODEL}-1.5-lite", {"image_url": LINK}, {"duration": 6, "resolution": "480p", "image_url": LINK}),
    (
        "fal",
        MODEL,
        {"reference_images": [LINK, LINK]},
        {"duration": 8, "resolution": "480p", "aspect_ratio": "16:9", "reference_image_urls": [LINK, LINK]},
    ),
    (
        "aimlapi",
        MODEL,
        {},
        {"model": "x-ai/grok-imagine-video", "duration": 6, "resolution": "480p", "aspect_ratio": "16:9"},
    ),
    (
        "xai",
        f"{MODEL}-1.5",
        {"image_url": LINK},
        {"model": "grok-imagine-video-1.5", "duration": 6, "resolution": "480p", "image": {"url": LINK}},
    ),
]


@pytest.mark.parametrize(("provider", "model", "asked", "expected"), GOLDEN)
def test_each_model_is_asked_in_its_own_words(
    bench: Bench, provider: str, model: str, asked: dict[str, object], expected: dict[str, object]
) -> None:
    """Complaint 25: durations of the wrong type, ratios where none is taken, a wrapper around it all."""
    body = ordered(bench, provider, json={**BASE, "model": f"{provider}/{model}", **asked})
    assert body == {"prompt": BASE["prompt"], **expected}
    assert type(body["duration"]) is int


def test_a_model_that_wants_8s_and_capitals_gets_them(another: Callable[..., Running], bench: Bench) -> None:
    """Complaint 25: "4s", "768P" and a missing ratio are catalogue data; an operator's own model has them, too."""
    bench.main.data_dir.joinpath("own.toml").write_text(
        """
        [models.hailuo]
        name = "Hailuo"
        owner = "minimax"
        created = 2026-01-01
        description = "A model that spells its sizes in capitals."
        prompt_limit = 2000
        [models.hailuo.modes.text-to-video]
        resolutions = ["768p", "1080p"]
        default_resolution = "768p"
        seconds = { values = [6, 10], default = 6 }
        [models.hailuo.offerings.aimlapi]
        wire = { ratio = "", seconds_as = "text", resolution_values = { "768p" = "768P", "1080p" = "1080P" } }
        modes = { text-to-video = { endpoint = "minimax/hailuo-2.3" } }
        """
    )
    gateway = another(catalogue=bench.main.data_dir / "own.toml")
    gateway.create(model="hailuo", resolution="768p", seconds=9)
    wanted = {"prompt": "a calm sea", "model": "minimax/hailuo-2.3", "duration": "10", "resolution": "768P"}
    assert bench.sent("aimlapi") == wanted


ALTERED = [
    ({"seconds": 20}, "seconds", "20", "15", ("duration", 15)),
    ({"resolution": "1080p"}, "resolution", "1080p", "720p", ("resolution", "720p")),
    ({"aspect_ratio": "21:9"}, "aspect_ratio", "21:9", "16:9", ("aspect_ratio", "16:9")),
    ({"size": "1920x1080"}, "size", "1920x1080", "1280x720", ("resolution", "720p")),
]


@pytest.mark.parametrize(("asked", "param", "requested", "used", "sent"), ALTERED)
def test_what_is_altered_is_told(
    bench: Bench, asked: dict[str, object], param: str, requested: str, used: str, sent: tuple[str, object]
) -> None:
    """Complaint 26: seconds=15 becomes 10, 1080p becomes 720p, and nobody says so; strict refuses instead."""
    wanted = {"prompt": "told", "model": f"fal/{MODEL}", **asked}
    estimate = bench.main.http.post("/v1/videos", params={"dryRun": "true"}, json=wanted).json()
    told = [(w["param"], w["code"], w["requested"], w["used"]) for w in estimate["warnings"]]
    assert (param, "converted", requested, used) in told
    assert ordered(bench, "fal", json=wanted)[sent[0]] == sent[1]
    refused = bench.main.http.post("/v1/videos", json={**wanted, "strict": True})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


def test_a_ratio_that_cannot_be_sent_is_told(bench: Bench) -> None:
    """Complaint 26: what an offering cannot take is dropped with a warning, never in silence; strict refuses it."""
    wanted = {**BASE, "model": f"fal/{MODEL}-1.5", "image_url": LINK, "aspect_ratio": "9:16"}
    estimate = bench.main.http.post("/v1/videos", params={"dryRun": "true"}, json=wanted).json()
    assert [(w["param"], w["code"]) for w in estimate["warnings"]] == [("aspect_ratio", "ignored")]
    refused = bench.main.http.post("/v1/videos", json={**wanted, "strict": True})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "aspect_ratio")
    assert "aspect_ratio" not in ordered(bench, "fal", json=wanted)


def test_a_picture_in_a_form_that_nobody_promised_is_told(bench: Bench) -> None:
    """Complaint 26: AI/ML API documents links only; a file goes as a data URI there, and the video says so."""
    video = bench.main.finished(model=f"aimlapi/{MODEL}", input_reference=DATA_URI)
    told = {(w["param"], w["code"], w["used"]) for w in video["warnings"]}
    assert told >= {("model", "unpriced", f"aimlapi/{MODEL}"), ("input_reference", "converted", "data URI")}


def test_an_unknown_field_is_not_lost(bench: Bench) -> None:
    """Complaint 26: a field the gateway does not know reaches the provider, whose refusal is told in its words."""
    video = bench.main.create(model=f"fal/{MODEL}", camera="slow pan")
    ended = bench.main.wait(video["id"])
    assert (ended["status"], ended["error"]["code"]) == ("failed", "invalid_input")
    assert bench.paid() == []


def test_an_oversized_upload_is_refused_before_it_is_kept(bench: Bench, another: Callable[..., Running]) -> None:
    """Complaint 27: uploads have no bound."""
    gateway = another(max_body_mb=1)
    answer = gateway.http.post("/v1/videos", data=BASE, files={"input_reference": b"x" * (2 << 20)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
    at_least(1, lambda: not files_in(gateway.data_dir / "uploads"))  # a moment after the answer
    assert bench.paid() == []


@pytest.mark.parametrize("n", [2, 3, 4])
def test_n_videos_are_n_files(bench: Bench, n: int) -> None:
    """Complaint 27: n is refused, or one file comes back."""
    video = bench.main.finished(model=f"fal/{MODEL}", n=n)
    at_least(n, lambda: len(bench.paid()))
    path = f"/v1/videos/{video['id']}/content"
    files = {bench.main.http.get(path, params={"index": index}).content for index in range(n)}
    assert len(files) == len(bench.paid()) == len(video["outputs"]) == n
    assert {json.dumps(paid.body) for _, paid in bench.paid()} == {json.dumps(bench.fal.ledger.bodies()[0])}
