"""The xAI adapter against the fake, whose ledger says what was really paid for."""

from __future__ import annotations

import base64
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest
from PIL import Image
from structlog.testing import capture_logs

from app.domain.catalogue import Mode, Wire
from app.providers.base import Checks, Failed, Input, Order, Pending, Placed, PlacesInputs, Succeeded
from app.providers.errors import Misconfigured, Rejected, Transient, Unfit
from app.providers.xai.adapter import XaiProvider
from tests.upstreams.behaviour import Do, Rule, answer, fail, never, no_video, shape
from tests.upstreams.running import run
from tests.upstreams.xai import KEY, FakeXai

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from pydantic import JsonValue
    from starlette.types import Receive, Scope, Send

V1, V15, LITE = "grok-imagine-video", "grok-imagine-video-1.5", "grok-imagine-video-1.5-lite"
PICTURE, CLIP = "https://example.com/cat.png", "https://example.com/cat.mp4"
PRICE = 50_000  # micro-dollars: a second at 480p

ORDER = Order(
    submission_id="sub_1",
    output_id="out_1",
    model=V1,
    mode=Mode.TEXT,
    endpoint="videos/generations",
    prompt="a calm sea",
    ratio="16:9",
    resolution="480p",
    seconds=1,
    seed=7,
    images=(),
    video=None,
    extra={},
    wire=Wire(tag="<IMAGE_{i}>"),
)
IMAGE = replace(ORDER, mode=Mode.IMAGE, images=(Input("image", url=PICTURE),), ratio="auto")
REFERENCE = replace(
    ORDER, mode=Mode.REFERENCE, images=(Input("image", url=PICTURE),) * 2, prompt="@Image1 meets <IMAGE_1>"
)
EDIT = replace(
    ORDER,
    mode=Mode.EDIT,
    endpoint="videos/edits",
    ratio="auto",
    resolution="auto",
    seconds=None,
    video=Input("video", url=CLIP),
)
EXTEND = replace(EDIT, mode=Mode.EXTEND, endpoint="videos/extensions", seconds=2)
SENT = {"model": V1, "prompt": "a calm sea", "duration": 1, "resolution": "480p"}


class Door:
    """One server for the whole file, behind which every test has a fake of its own."""

    def __init__(self) -> None:
        self.fake = FakeXai(seconds=100)
        self.url = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.fake.app(scope, receive, send)


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    opened = Door()
    with run(opened) as opened.url:
        yield opened


@pytest.fixture
def fake(door: Door) -> FakeXai:
    door.fake = FakeXai(seconds=100)
    return door.fake


@pytest.fixture
def url(fake: FakeXai, door: Door) -> str:  # noqa: ARG001 - behind it
    return door.url


@asynccontextmanager
async def opened(url: str, key: str = KEY) -> AsyncIterator[XaiProvider]:
    provider = XaiProvider(key, url=f"{url}/v1")
    try:
        yield provider
    finally:
        await provider.close()


async def test_from_submit_to_film_for_the_ticks_it_tells(fake: FakeXai, url: str) -> None:
    """And the key never goes to where the film is."""
    async with opened(url) as provider:
        operation = await provider.submit(ORDER)
        assert await provider.poll(operation) == Pending(0)
        fake.clock.advance(50)
        assert await provider.poll(operation) == Pending(50)
        fake.clock.advance(50)
        done = await provider.poll(operation)
    assert isinstance(done, Succeeded)
    assert done.cost == fake.ledger.charged() == PRICE
    assert done.url
    async with httpx.AsyncClient(timeout=60) as anyone:
        assert (await anyone.get(done.url)).status_code == 200
    assert fake.ledger.leaks == []
    assert KEY not in str(fake.ledger.snapshot())


REJECTED = "xAI: Generated video rejected by content moderation."
FLAGGED = "xAI's content moderation blocked the generated video."
SHAPES: dict[str, tuple[Do, Pending | Succeeded | Failed]] = {
    "done": (shape(), Succeeded(cost=PRICE)),
    "done without a status": (shape(done="bare"), Succeeded(cost=PRICE)),
    "running says nothing": (never(), Pending(0)),
    "moderated: a flag": (shape(moderated="flag"), Failed("moderation_blocked", FLAGGED, PRICE)),
    "moderated: failed": (shape(moderated="failed"), Failed("moderation_blocked", REJECTED, PRICE)),
    "moderated: HTTP 400": (shape(moderated="refused"), Failed("moderation_blocked", REJECTED, PRICE)),
    "moderated: HTTP 400, coded": (shape(moderated="coded"), Failed("moderation_blocked", REJECTED, PRICE)),
    "no video in a finished job": (
        no_video(),
        Failed("provider_error", "xAI finished the job without a video.", PRICE),
    ),
    "invalid_argument": (
        fail(error_type="invalid_argument", error="The image is too small."),
        Failed("invalid_input", "xAI: The image is too small.", 0),
    ),
    "permission_denied": (
        fail(error_type="permission_denied", error="No."),
        Failed("provider_error", "xAI: No.", 0),
    ),
    "failed_precondition": (
        fail(error_type="failed_precondition", error="No."),
        Failed("provider_error", "xAI: No.", 0),
    ),
    "service_unavailable": (
        fail(error_type="service_unavailable", error="Busy."),
        Failed("provider_error", "xAI: Busy.", 0, elsewhere=True),
    ),
    "internal_error that talks of moderation": (
        fail(error_type="internal_error", error="The moderation service broke."),
        Failed("provider_error", "xAI: The moderation service broke.", 0, elsewhere=True),
    ),
    "internal_error that was charged": (
        fail(error_type="internal_error", error="Broke.", units=0.5),
        Failed("provider_error", "xAI: Broke.", PRICE // 2),
    ),
    "an error in a string": (fail(body="It broke."), Failed("provider_error", "xAI: It broke.", 0)),
}


@pytest.mark.parametrize(("do", "end"), SHAPES.values(), ids=SHAPES)
async def test_an_accepted_job_ends_in_the_right_state(
    do: Do, end: Pending | Succeeded | Failed, fake: FakeXai, url: str
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


async def test_a_running_job_may_say_nothing_or_answer_200(fake: FakeXai, url: str) -> None:
    fake.rules.add(Rule(on="job", do=shape(running="empty")), Rule(on="job", do=shape(running="ok")))
    async with opened(url) as provider:
        silent, spoken = await provider.submit(ORDER), await provider.submit(ORDER)
        fake.clock.advance(50)
        assert await provider.poll(silent) == Pending()
        assert await provider.poll(spoken) == Pending(50)


async def test_a_film_that_is_gone_is_said_to_be(fake: FakeXai, url: str) -> None:
    async with opened(url) as provider:
        operation = await provider.submit(ORDER)
        fake.clock.advance(25 * 3600)
        assert await provider.poll(operation) == Failed("media_unavailable", "xAI kept the video no longer.")


async def test_a_word_nobody_documents_is_logged(fake: FakeXai, url: str) -> None:
    fake.rules.add(Rule(on="status", do=answer(200, {"status": "polishing", "progress": 70})))
    async with opened(url) as provider:
        operation = await provider.submit(ORDER)
        with capture_logs() as logs:
            assert await provider.poll(operation) == Pending(70)
            assert await provider.poll(operation) == Pending(0)
    told = [(entry["word"], entry["operation"]) for entry in logs if entry["event"] == "unknown status"]
    assert told == [("polishing", operation["id"])]


async def test_inputs_are_links_or_travel_in_the_request(fake: FakeXai, url: str, tmp_path: Path) -> None:
    file = tmp_path / "input-0"
    Image.new("RGB", (300, 400)).save(file, "PNG")
    held = Input("image", file, content_type="image/png", link="https://gate.example/s/1")
    async with opened(url) as provider:
        assert isinstance(provider, PlacesInputs)
        assert await provider.place_input(replace(held, url=PICTURE)) == Placed(PICTURE)
        assert await provider.place_input(replace(held, kind="video")) == Placed("https://gate.example/s/1")
        written = await provider.place_input(held)
        head, _, content = written.url.partition(",")
        assert (head, base64.b64decode(content)) == ("data:image/png;base64", file.read_bytes())
        operation = await provider.submit(replace(IMAGE, images=(replace(held, url=written.url),)))
        assert fake.jobs[str(operation["id"])].frame == (480, 640)
        with pytest.raises(Rejected, match="no image"):
            await provider.place_input(Input("image"))


async def test_a_source_video_travels_in_the_request(fake: FakeXai, url: str, tmp_path: Path) -> None:
    file = tmp_path / "input-0"
    async with opened(url) as provider:
        first = await provider.submit(replace(ORDER, seconds=2))
        fake.clock.advance(100)
        done = await provider.poll(first)
        assert isinstance(done, Succeeded)
        assert done.url
        async with httpx.AsyncClient(timeout=60) as anyone:
            file.write_bytes((await anyone.get(done.url)).content)
        placed = await provider.place_input(Input("video", file, content_type="video/mp4"))
        await provider.submit(replace(EXTEND, video=Input("video", url=placed.url)))
    assert placed.url.startswith("data:video/mp4;base64,")
    assert fake.ledger.paid()[1].outcome == "pending"


@pytest.mark.parametrize(
    ("item", "limit", "told"),
    [
        (Input("image", content_type="image/png"), 10 << 20, "at most 10 MiB; this one has 10.0 MiB"),
        (Input("video", content_type="video/mp4"), 50_000_000, "at most 47.7 MiB; this one has 47.7 MiB"),
    ],
)
async def test_a_file_over_the_limit_is_refused(item: Input, limit: int, told: str, url: str, tmp_path: Path) -> None:
    file = tmp_path / "input-0"
    with file.open("wb") as big:
        big.truncate(limit + 1)
    async with opened(url) as provider:
        with pytest.raises(Unfit, match=told):
            await provider.place_input(replace(item, path=file))


async def test_the_check_names_the_models_and_spends_nothing(fake: FakeXai, url: str) -> None:
    bodies: tuple[JsonValue, ...] = ({"models": [{"id": V1}, {"id": V15}]}, {"data": [{"id": V1}]}, {"object": "list"})
    fake.rules.add(*(Rule(on="other", do=answer(200, body)) for body in bodies))
    fake.rules.add(Rule(on="other", do=answer(400, {"code": "x", "error": "Incorrect API key provided: xa***y."})))
    fake.rules.add(Rule(on="other", do=answer(503, "")))
    async with opened(url) as provider:
        assert isinstance(provider, Checks)
        assert await provider.check() == f"the key works for {V1}, {V15}"
        assert await provider.check() == f"the key works for {V1}"
        assert await provider.check() == "the key works; its video models are not told"
        with pytest.raises(Misconfigured, match="XAI_API_KEY"):
            await provider.check()
        with pytest.raises(Transient):
            await provider.check()
    assert fake.ledger.paid() == []
