"""The AI/ML API adapter against the fake, whose ledger says what was really paid for."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest
from structlog.testing import capture_logs

from app.domain.catalogue import Mode, Wire
from app.providers.aimlapi.adapter import AimlApiProvider, client_id
from app.providers.base import Checks, Failed, Input, Order, Pending, Placed, PlacesInputs, Succeeded, TellsBalance
from app.providers.errors import Misconfigured, Transient, Unfit
from tests.upstreams.aimlapi import KEY, FakeAimlApi
from tests.upstreams.aimlapi_shapes import FACE_NOT_FOUND
from tests.upstreams.behaviour import (
    Do,
    Rule,
    answer,
    fail,
    never,
    no_video,
    shape,
)
from tests.upstreams.running import run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

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


class Door:
    """One server for the whole file, behind which every test has a fake of its own."""

    def __init__(self) -> None:
        self.fake = FakeAimlApi(seconds=100)
        self.url = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.fake.app(scope, receive, send)


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    opened = Door()
    with run(opened) as opened.url:
        yield opened


@pytest.fixture
def fake(door: Door) -> FakeAimlApi:
    door.fake = FakeAimlApi(seconds=100)
    return door.fake


@pytest.fixture
def url(fake: FakeAimlApi, door: Door) -> str:  # noqa: ARG001 - behind it
    return door.url


@asynccontextmanager
async def opened(url: str, key: str = KEY) -> AsyncIterator[AimlApiProvider]:
    provider = AimlApiProvider(key, url=url)
    try:
        yield provider
    finally:
        await provider.close()


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
    async with httpx.AsyncClient(timeout=60) as anyone:
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
        Failed("provider_error", "AI/ML API: the moderation service is asleep", 0),
    ),
    "a failure in a string": (
        fail(body="out of memory"),
        Failed("provider_error", "AI/ML API: out of memory", 0),
    ),
    **{
        f"moderation in words: {text}": (fail(error=text), Failed("moderation_blocked", f"AI/ML API: {text}", 0))
        for text in (
            "Generated video rejected by content moderation.",
            "Your prompt violates our policy.",
            "The content violates OpenAI's usage policies",
            "500 Internal Server Error: the output was flagged by our safety system",
        )
    },
    "moderation in the upstream's JSON": (
        fail(body={"name": "Error", "message": '400 {"error": {"code": "content_policy_violation", "message": "no"}}'}),
        Failed(
            "moderation_blocked",
            'AI/ML API: 400 {"error": {"code": "content_policy_violation", "message": "no"}}',
            0,
        ),
    ),
    "a bad request in the upstream's JSON": (
        fail(body={"name": "Error", "message": '400 {"type": "invalid_request", "message": "no"}'}),
        Failed("invalid_input", 'AI/ML API: 400 {"type": "invalid_request", "message": "no"}', 0),
    ),
    **{
        f"their fault in words: {text}": (
            fail(error=text),
            Failed("provider_error", f"AI/ML API: {text}", 0, elsewhere=True),
        )
        for text in (
            "Internal server error",
            "Something wrong with the server. Please try again later.",
            "The model is under maintenance",
            "503 Service unavailable",
            "Generation timeout",
        )
    },
    "their fault only in words of the user": (
        fail(error="cannot draw 'internal server error'"),
        Failed("provider_error", "AI/ML API: cannot draw 'internal server error'", 0),
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
    if not isinstance(status, Pending):
        assert status.cost == fake.ledger.charged()
    if isinstance(status, Succeeded):
        assert status.url is not None
        assert status.url.startswith(url)
        status = replace(status, url=None)
    assert status == end


async def test_a_word_nobody_documents_is_logged(fake: FakeAimlApi, url: str) -> None:
    fake.rules.add(Rule(on="job", do=shape(words={"queued": "polishing"})))
    async with opened(url) as provider:
        operation = await provider.submit(ORDER)
        with capture_logs() as logs:
            assert await provider.poll(operation) == Pending()
    told = [(entry["word"], entry["operation"]) for entry in logs if entry["event"] == "unknown status"]
    assert told == [("polishing", operation["id"])]


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
        with pytest.raises(Unfit, match="by link only"):
            await provider.place_input(Input("video", file, content_type="video/mp4"))
        with file.open("wb") as big:
            big.truncate((10 << 20) + 1)
        with pytest.raises(Unfit, match="at most 10 MiB"):
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


async def test_the_balance_is_told_as_a_number_also_where_there_is_none_left(fake: FakeAimlApi, url: str) -> None:
    async with opened(url) as provider, opened(url, "wrong") as stranger:
        assert isinstance(provider, TellsBalance)
        assert isinstance(stranger, TellsBalance)
        fake.balance = 0.25
        assert await provider.balance() == 0.25
        fake.balance = 0
        assert await provider.balance() == 0
        fake.rules.add(Rule(on="other", do=answer(200, {})))
        assert await provider.balance() is None
        with pytest.raises(Misconfigured):
            await stranger.balance()
