"""The AI/ML API adapter against the fake, whose ledger says what was really paid for."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from structlog.testing import capture_logs

from app.domain.catalogue import Mode, Wire
from app.providers.aimlapi import AimlApiProvider, build_payload, client_id
from app.providers.base import (
    Checks,
    Failed,
    Indeterminate,
    Input,
    Misconfigured,
    Order,
    Pending,
    Placed,
    PlacesInputs,
    ProviderError,
    Rejected,
    Succeeded,
    Transient,
)
from tests.upstreams import aimlapi_errors as errors
from tests.upstreams.aimlapi import KEY, FakeAimlApi
from tests.upstreams.aimlapi_shapes import FACE_NOT_FOUND
from tests.upstreams.behaviour import (
    Do,
    Rule,
    accept_then,
    answer,
    cut,
    drip,
    fail,
    garbage,
    half,
    hang,
    html,
    never,
    no_video,
    shape,
)
from tests.upstreams.running import run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

V1, V15 = "x-ai/grok-imagine-video", "x-ai/grok-imagine-video-1.5-preview"
PICTURE = "https://example.com/cat.png"
GROK = Wire(images="reference_images", tag="<IMAGE_{i}>")
HAILUO = Wire(ratio=None, resolution_values={"768p": "768P"})
CENT = 52_000  # micro-dollars that the fake takes for a second at 480p

ORDER = Order(
    submission_id="sub_1",
    output_id="out_1",
    model="grok-imagine-video",
    mode=Mode.TEXT,
    endpoint=V1,
    prompt="a calm sea",
    ratio="16:9",
    resolution="480p",
    seconds=1,
    seed=7,
    images=(),
    video=None,
    extra={},
    wire=GROK,
)
IMAGE = replace(ORDER, mode=Mode.IMAGE, images=(Input("image", url=PICTURE),), ratio="auto")
REFERENCE = replace(
    ORDER, mode=Mode.REFERENCE, images=(Input("image", url=PICTURE),) * 7, prompt="@Image1 meets <IMAGE_1>"
)
SENT = {"prompt": "a calm sea", "duration": 1, "resolution": "480p"}


@pytest.fixture
def fake() -> FakeAimlApi:
    return FakeAimlApi(seconds=100)


@pytest.fixture
def url(fake: FakeAimlApi) -> Iterator[str]:
    with run(fake.app) as address:
        yield address


@asynccontextmanager
async def opened(url: str, key: str = KEY) -> AsyncIterator[AimlApiProvider]:
    provider = AimlApiProvider(key, url=url)
    try:
        yield provider
    finally:
        await provider.close()


# Every row of seed 003_…: the endpoint's seven fields, each as the vendor's page has it, and its two modes of images.
PAYLOADS: list[tuple[str, Order, dict[str, Any]]] = [
    ("text", ORDER, {"model": V1, **SENT, "aspect_ratio": "16:9"}),
    (
        "text, the longest at the other shapes",
        replace(ORDER, seconds=15, ratio="2:3", resolution="720p"),
        {"model": V1, "prompt": "a calm sea", "duration": 15, "aspect_ratio": "2:3", "resolution": "720p"},
    ),
    (
        "text, all left to the provider",
        replace(ORDER, seconds=None, ratio="auto", resolution="auto"),
        {"model": V1, "prompt": "a calm sea"},
    ),
    ("image, the shape is its own", IMAGE, {"model": V1, **SENT, "image_url": PICTURE}),
    ("image, a shape", replace(IMAGE, ratio="1:1"), {"model": V1, **SENT, "image_url": PICTURE, "aspect_ratio": "1:1"}),
    (
        "references are plain links",
        REFERENCE,
        {
            "model": V1,
            **SENT,
            "prompt": "<IMAGE_0> meets <IMAGE_1>",
            "aspect_ratio": "16:9",
            "reference_images": [PICTURE] * 7,
        },
    ),
    ("image, 1.5", replace(IMAGE, endpoint=V15), {"model": V15, **SENT, "image_url": PICTURE}),
    (
        "veo",
        replace(ORDER, endpoint="google/veo-3.1-t2v", seconds=8, resolution="1080p", wire=Wire()),
        {
            "model": "google/veo-3.1-t2v",
            "prompt": "a calm sea",
            "duration": 8,
            "aspect_ratio": "16:9",
            "resolution": "1080p",
        },
    ),
    (
        "veo, image",
        replace(IMAGE, endpoint="google/veo-3.1-i2v", seconds=4, resolution="720p", wire=Wire()),
        {
            "model": "google/veo-3.1-i2v",
            "prompt": "a calm sea",
            "duration": 4,
            "resolution": "720p",
            "image_url": PICTURE,
        },
    ),
    (
        "sora",
        replace(ORDER, endpoint="openai/sora-2-t2v", seconds=12, resolution="720p", wire=Wire()),
        {
            "model": "openai/sora-2-t2v",
            "prompt": "a calm sea",
            "duration": 12,
            "aspect_ratio": "16:9",
            "resolution": "720p",
        },
    ),
    (
        "sora, image",
        replace(IMAGE, endpoint="openai/sora-2-i2v", seconds=4, resolution="720p", wire=Wire()),
        {
            "model": "openai/sora-2-i2v",
            "prompt": "a calm sea",
            "duration": 4,
            "resolution": "720p",
            "image_url": PICTURE,
        },
    ),
    (
        "hailuo, upper case and no ratio",
        replace(ORDER, endpoint="minimax/hailuo-2.3", seconds=6, resolution="768p", wire=HAILUO),
        {"model": "minimax/hailuo-2.3", "prompt": "a calm sea", "duration": 6, "resolution": "768P"},
    ),
]


@pytest.mark.parametrize(("order", "body"), [row[1:] for row in PAYLOADS], ids=[row[0] for row in PAYLOADS])
async def test_the_exact_json_that_leaves(order: Order, body: dict[str, Any], fake: FakeAimlApi, url: str) -> None:
    async with opened(url) as provider:
        operation = await provider.submit(order)
    (paid,) = fake.ledger.paid()
    assert paid.body == body
    assert {name: type(value) for name, value in paid.body.items()} == {k: type(v) for k, v in body.items()}
    assert operation["id"] == paid.request_id
    assert paid.headers["x-client-request-id"] == "sub_1"
    assert operation["cost"] == fake.jobs[paid.request_id].price


def test_what_is_passed_through_never_replaces_what_was_priced() -> None:
    order = replace(ORDER, extra={"model": "dear", "duration": 15, "prompt": "x", "seed": 5})
    assert build_payload(order) == {"model": V1, **SENT, "aspect_ratio": "16:9", "seed": 5}


def test_our_id_is_written_in_letters_that_are_not_dropped() -> None:
    assert client_id("sub_A-1.b:2") == "sub_A-1.b:2"
    assert client_id("sub 1/ü") == "sub-1--"
    assert len(client_id("x" * 200)) == 128


async def test_from_submit_to_film_for_what_the_submit_said(fake: FakeAimlApi, url: str) -> None:
    """And the key never goes to where the film is."""
    async with opened(url) as provider:
        operation = await provider.submit(ORDER)
        assert await provider.poll(operation) == Pending()
        fake.clock.advance(50)
        assert await provider.poll(operation) == Pending()
        fake.clock.advance(50)
        done = await provider.poll(operation)
    assert isinstance(done, Succeeded)
    assert done.cost == fake.ledger.charged() == CENT
    assert done.url
    async with httpx.AsyncClient() as anyone:
        assert (await anyone.get(done.url)).status_code == 200
    assert fake.ledger.leaks == []
    assert KEY not in str(fake.ledger.snapshot())


SHAPES: dict[str, tuple[Do, Pending | Succeeded | Failed]] = {
    "succeeded": (shape(words={"completed": "succeeded"}), Succeeded(cost=CENT)),
    "Finished in capitals": (shape(words={"completed": "FINISHED"}), Succeeded(cost=CENT)),
    "a list of links": (shape(video="list"), Succeeded(cost=CENT)),
    "a file": (shape(video="file"), Succeeded(cost=CENT)),
    "no meta at all, the header tells": (shape(meta=False), Succeeded(cost=CENT)),
    "an id with a slash and a colon": (shape(id="model"), Succeeded(cost=CENT)),
    "an id of digits": (shape(id="digits"), Succeeded(cost=CENT)),
    "no video in a finished job": (
        no_video(),
        Failed("provider_error", "AI/ML API finished the job without a video.", CENT),
    ),
    "never ends": (never(), Pending()),
    "an unknown word": (shape(words={"completed": "polishing"}), Pending()),
    "face not found": (
        fail(body=FACE_NOT_FOUND),
        Failed("invalid_input", "AI/ML API: Could not detect face in the image", 0),
    ),
    "moderation by name": (
        fail(error_type="ContentModerationError", error="No."),
        Failed("moderation_blocked", "AI/ML API: No.", 0),
    ),
    "policy by type": (
        fail(body={"detail": [{"loc": ["body", "prompt"], "msg": "Flagged", "type": "content_policy_violation"}]}),
        Failed("moderation_blocked", "AI/ML API: Flagged", 0),
    ),
    "a bad request": (
        fail(error_type="BadRequestError", error="duration is odd"),
        Failed("invalid_input", "AI/ML API: duration is odd", 0),
    ),
    "the partner's own fault": (
        fail(body={"detail": [{"loc": ["body"], "msg": "Try later", "type": "internal_server_error"}]}),
        Failed("provider_error", "AI/ML API: Try later", 0, elsewhere=True),
    ),
    "a plain failure that talks of moderation": (
        fail(error="the moderation service is asleep"),
        Failed("provider_error", "AI/ML API: the moderation service is asleep", 0, elsewhere=True),
    ),
    "a failure in a string": (
        fail(body="out of memory"),
        Failed("provider_error", "AI/ML API: out of memory", 0, elsewhere=True),
    ),
}


@pytest.mark.parametrize(("do", "end"), SHAPES.values(), ids=SHAPES)
async def test_an_accepted_job_ends_in_the_right_state(
    do: Do, end: Pending | Succeeded | Failed, fake: FakeAimlApi, url: str
) -> None:
    fake.rules.add(Rule(on="job", do=do))
    async with opened(url) as provider:
        operation = await provider.submit(ORDER)
        fake.clock.advance(100)
        status = await provider.poll(operation)
    if isinstance(status, Succeeded):
        assert status.url is not None
        assert status.url.startswith(url)
        status = replace(status, url=None)
    assert status == end
    assert fake.ledger.charged() == (0 if isinstance(end, Failed) and not end.cost else fake.ledger.charged())


async def test_a_word_nobody_documents_is_logged(fake: FakeAimlApi, url: str) -> None:
    fake.rules.add(Rule(on="job", do=shape(words={"queued": "polishing"})))
    async with opened(url) as provider:
        operation = await provider.submit(ORDER)
        with capture_logs() as logs:
            assert await provider.poll(operation) == Pending()
    assert [(entry["event"], entry["word"], entry["operation"]) for entry in logs] == [
        ("unknown status", "polishing", operation["id"])
    ]


SUBMITS: dict[str, tuple[Do, type[ProviderError], str | None]] = {
    "400": (answer(400, errors.invalid("duration: Required")), Rejected, "invalid_input"),
    "400, older envelope": (answer(400, errors.invalid("x", form=1)), Rejected, "invalid_input"),
    "400, moderation only in words": (answer(400, errors.error(400, "moderation says no")), Rejected, "invalid_input"),
    "400, moderation by its code": (
        answer(400, errors.error(400, "no", kind="err_content_moderation")),
        Rejected,
        "moderation_blocked",
    ),
    "403, policy by its code": (
        answer(403, errors.error(403, "no", kind="policy_violation")),
        Rejected,
        "moderation_blocked",
    ),
    "404, model is gone": (answer(404, errors.error(404, "Model is deprecated")), Rejected, "invalid_input"),
    "413": (answer(413, errors.error(413, "Payload Too Large")), Rejected, "invalid_input"),
    "422": (answer(422, errors.error(422, "cannot")), Rejected, "invalid_input"),
    "401": (answer(401, errors.no_key()), Misconfigured, "provider_error"),
    "402": (answer(402, errors.error(402, "pay")), Misconfigured, "provider_balance_exhausted"),
    "403, no credits": (answer(403, errors.out_of_credits()), Misconfigured, "provider_balance_exhausted"),
    "403, no credits, older": (answer(403, errors.out_of_credits(1)), Misconfigured, "provider_balance_exhausted"),
    "403, other": (answer(403, errors.error(403, "not in your plan")), Misconfigured, "provider_error"),
    "403, other kind": (answer(403, errors.error(403, "no", kind="err_region")), Misconfigured, "provider_error"),
    "429": (answer(429, errors.too_many(), {"retry-after": "7"}), Transient, None),
    "429, a proxy's page": (html(429), Indeterminate, None),
    "403, a proxy's page": (html(403), Indeterminate, None),
    "400, empty": (answer(400), Indeterminate, None),
    "408": (answer(408, errors.error(408, "Request Timeout")), Indeterminate, None),
    "302": (answer(302, None, {"location": "https://example.com"}), Indeterminate, None),
    "500 with the partner's 400 in it": (answer(500, errors.upstream(400, "{}")), Indeterminate, None),
    "502": (html(502), Indeterminate, None),
    "504": (answer(504, errors.error(504, "Generation timeout")), Indeterminate, None),
    "524": (answer(524, "error code: 524"), Indeterminate, None),
    "200 without an id": (answer(200, {"status": "queued"}), Indeterminate, None),
    "200 with a list": (answer(200, []), Indeterminate, None),
    "200 that is no JSON": (answer(200, "<<", {}), Indeterminate, None),
    "cut": (cut(), Indeterminate, None),
    "reset": (cut(reset=True), Indeterminate, None),
}


@pytest.mark.parametrize(("do", "kind", "code"), SUBMITS.values(), ids=SUBMITS)
async def test_a_refused_submit_says_who_must_act_and_whether_it_is_known(
    do: Do, kind: type[ProviderError], code: str | None, fake: FakeAimlApi, url: str
) -> None:
    fake.rules.add(Rule(on="submit", do=do))
    async with opened(url) as provider:
        with pytest.raises(ProviderError) as caught:
            await provider.submit(ORDER)
    assert type(caught.value) is kind
    assert getattr(caught.value, "code", None) == code
    assert KEY not in str(caught.value)
    assert isinstance(caught.value, Transient) is (do.headers.get("retry-after") == "7")
    assert fake.ledger.arrivals["submit"] == 1


async def test_the_wait_that_a_429_asks_for_is_passed_on(fake: FakeAimlApi, url: str) -> None:
    fake.rules.add(Rule(on="submit", do=answer(429, errors.too_many(), {"retry-after": "7"})))
    async with opened(url) as provider:
        with pytest.raises(Transient) as caught:
            await provider.submit(ORDER)
    assert caught.value.retry_after == 7


LOST = {
    "cut": accept_then(cut()),
    "reset": accept_then(cut(reset=True)),
    "500": accept_then(answer(500, errors.error(500, "Internal server error"))),
    "524": accept_then(answer(524, "error code: 524")),
    "hang": accept_then(hang()),
    "hang before it is handled": hang(),
    "half and then cut": half(short=True),
    "slower than anyone waits": drip(3),
}


@pytest.mark.parametrize("do", LOST.values(), ids=LOST)
async def test_accepted_but_the_answer_is_lost(
    do: Do, fake: FakeAimlApi, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown is said, and the order was placed once at most."""
    monkeypatch.setattr("app.providers.http._PATIENCE", httpx.Timeout(0.1 if do.kind != "half" else 5))
    fake.rules.add(Rule(on="submit", do=do))
    async with opened(url) as provider:
        with pytest.raises(Indeterminate):
            await provider.submit(ORDER)
    assert fake.ledger.arrivals["submit"] == 1
    assert len(fake.ledger.paid()) == (do.kind != "hang")


@pytest.mark.parametrize("do", [garbage(), half()], ids=["garbage", "half"])
async def test_an_accepted_job_is_known_by_its_header_where_the_body_cannot_be_read(
    do: Do, fake: FakeAimlApi, url: str
) -> None:
    fake.rules.add(Rule(on="submit", do=do))
    async with opened(url) as provider:
        operation = await provider.submit(ORDER)
    (paid,) = fake.ledger.paid()
    assert operation == {"id": paid.request_id, "cost": CENT}


async def test_nothing_was_sent_where_nobody_listens(unused_port: int) -> None:
    async with opened(f"http://127.0.0.1:{unused_port}") as provider:
        with pytest.raises(Transient):
            await provider.submit(ORDER)


POLLS: dict[str, tuple[Do, type[ProviderError]]] = {
    "Inference not found": (answer(404, errors.not_found()), Transient),
    "Inference not found, older": (answer(404, errors.not_found(1)), Transient),
    "524": (answer(524, "error code: 524"), Transient),
    "500": (answer(500, errors.error(500, "Internal server error")), Transient),
    "502": (html(502), Transient),
    "429": (answer(429, errors.too_many()), Transient),
    "400 that nothing explains": (answer(400, errors.invalid("generation_id: odd")), Transient),
    "a proxy's 403": (html(403), Transient),
    "no JSON": (garbage(), Transient),
    "cut": (cut(), Transient),
    "401": (answer(401, errors.no_key()), Misconfigured),
    "403": (answer(403, errors.error(403, "no")), Misconfigured),
}


@pytest.mark.parametrize(("do", "kind"), POLLS.values(), ids=POLLS)
async def test_no_trouble_with_a_poll_ends_a_paid_job(
    do: Do, kind: type[ProviderError], fake: FakeAimlApi, url: str
) -> None:
    fake.rules.add(Rule(on="status", do=do))
    async with opened(url) as provider:
        operation = await provider.submit(ORDER)
        fake.clock.advance(100)
        with pytest.raises(kind):
            await provider.poll(operation)
        assert isinstance(await provider.poll(operation), Succeeded)


async def test_inputs_are_links_and_only_an_image_may_travel_in_the_request(url: str, tmp_path: Path) -> None:
    file = tmp_path / "input-0"
    file.write_bytes(b"PNG")
    held = Input("image", file, content_type="image/png", link="https://gate.example/s/1")
    async with opened(url) as provider:
        assert isinstance(provider, PlacesInputs)
        assert await provider.place_input(replace(held, url=PICTURE)) == Placed(PICTURE)
        assert await provider.place_input(held) == Placed("https://gate.example/s/1")
        written = await provider.place_input(replace(held, link=None))
        assert written.url == "data:image/png;base64,UE5H"
        assert written.warning is not None
        assert "REELGATE_PUBLIC_URL" in written.warning
        with pytest.raises(Rejected, match="by link only"):
            await provider.place_input(Input("video", file, content_type="video/mp4"))
        with file.open("wb") as big:
            big.truncate((10 << 20) + 1)
        with pytest.raises(Rejected, match="at most 10 MiB"):
            await provider.place_input(replace(held, link=None))


async def test_the_check_tells_the_balance_and_spends_nothing(fake: FakeAimlApi, url: str) -> None:
    async with opened(url) as provider, opened(url, "wrong") as stranger:
        assert isinstance(provider, Checks)
        assert await provider.check() == "balance $1000.00"
        with pytest.raises(Misconfigured, match="AIMLAPI_KEY"):
            await stranger.check()
        fake.balance = 0
        with pytest.raises(Misconfigured) as caught:
            await provider.check()
        assert caught.value.code == "provider_balance_exhausted"
        fake.rules.add(Rule(on="other", do=answer(503, "")), Rule(on="other", do=answer(200, {})))
        with pytest.raises(Transient):
            await provider.check()
        assert await provider.check() == "the key works; the balance is not told"
    assert fake.ledger.paid() == []
