"""The exact JSON that leaves for AI/ML API: model by model and mode by mode, as its fake received and took it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from app.domain.catalogue import Mode, Wire, builtin
from app.providers.aimlapi.adapter import build_payload
from app.providers.base import Input
from tests.providers.test_aimlapi import HAILUO, IMAGE, ORDER, PICTURE, REFERENCE, SENT, V1, V15, Door, opened
from tests.upstreams.aimlapi import FakeAimlApi
from tests.upstreams.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.providers.base import Order


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


CATALOGUE = builtin()
OFFERED = [
    (model.id, mode)
    for model in CATALOGUE.models.values()
    if "aimlapi" in model.offerings
    for mode in model.offerings["aimlapi"].modes
]

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


@pytest.mark.parametrize(("model", "mode"), OFFERED)
async def test_the_defaults_of_every_offering_are_taken(model: str, mode: Mode, fake: FakeAimlApi, url: str) -> None:
    spec = CATALOGUE.models[model].offerings["aimlapi"].modes[mode]
    order = replace(
        ORDER,
        model=model,
        mode=mode,
        endpoint=spec.endpoint,
        wire=spec.wire,
        ratio=spec.default_ratio,
        resolution=spec.default_resolution,
        seconds=spec.seconds.default if spec.seconds else None,
        images=(Input("image", url=PICTURE),) * spec.images.max,
    )
    async with opened(url) as provider:
        await provider.submit(order)
    assert len(fake.ledger.paid()) == 1
