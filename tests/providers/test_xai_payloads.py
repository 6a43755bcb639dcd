"""The exact JSON that leaves for xAI: model by model and mode by mode, as its fake received and took it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from app.domain.catalogue import Mode, Wire, builtin
from app.providers.base import Input
from app.providers.xai.adapter import build_payload
from tests.providers.test_xai import (
    CLIP,
    EDIT,
    EXTEND,
    IMAGE,
    LITE,
    ORDER,
    PICTURE,
    REFERENCE,
    SENT,
    V1,
    V15,
    Door,
    opened,
)
from tests.upstreams.running import run
from tests.upstreams.xai import FakeXai

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.providers.base import Order


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


CATALOGUE = builtin()
OFFERED = [
    (model.id, mode)
    for model in CATALOGUE.models.values()
    if "xai" in model.offerings
    for mode in model.offerings["xai"].modes
]
PAYLOADS: list[tuple[str, Order, str, dict[str, Any]]] = [
    ("text", ORDER, "generations", {**SENT, "aspect_ratio": "16:9"}),
    (
        "text, 1.5 at its best",
        replace(ORDER, model=V15, seconds=15, resolution="1080p", ratio="2:3"),
        "generations",
        {"model": V15, "prompt": "a calm sea", "duration": 15, "resolution": "1080p", "aspect_ratio": "2:3"},
    ),
    ("text, lite", replace(ORDER, model=LITE), "generations", {**SENT, "model": LITE, "aspect_ratio": "16:9"}),
    (
        "text, all left to the provider",
        replace(ORDER, ratio="auto", resolution="auto", seconds=None),
        "generations",
        {"model": V1, "prompt": "a calm sea"},
    ),
    ("a user", replace(ORDER, user="u-1"), "generations", {**SENT, "aspect_ratio": "16:9", "user": "u-1"}),
    (
        "passed through with its type",
        replace(ORDER, extra={"generate_audio": False}),
        "generations",
        {**SENT, "aspect_ratio": "16:9", "generate_audio": False},
    ),
    ("image, the shape is its own", IMAGE, "generations", {**SENT, "image": {"url": PICTURE}}),
    (
        "image, 1.5",
        replace(IMAGE, model=V15, resolution="720p"),
        "generations",
        {**SENT, "model": V15, "resolution": "720p", "image": {"url": PICTURE}},
    ),
    ("image, lite", replace(IMAGE, model=LITE), "generations", {**SENT, "model": LITE, "image": {"url": PICTURE}}),
    (
        "references are objects, counted from 0",
        REFERENCE,
        "generations",
        {
            **SENT,
            "prompt": "<IMAGE_0> meets <IMAGE_1>",
            "aspect_ratio": "16:9",
            "reference_images": [{"url": PICTURE}] * 2,
        },
    ),
    (
        "14 references, 1.5",
        replace(REFERENCE, model=V15, images=REFERENCE.images * 7, prompt="a calm sea"),
        "generations",
        {**SENT, "model": V15, "aspect_ratio": "16:9", "reference_images": [{"url": PICTURE}] * 14},
    ),
    ("edit", EDIT, "edits", {"model": V1, "prompt": "a calm sea", "video": {"url": CLIP}}),
    (
        "edit, the source decides, and a user",
        replace(EDIT, seconds=5, ratio="1:1", resolution="720p", user="u-1"),
        "edits",
        {"model": V1, "prompt": "a calm sea", "video": {"url": CLIP}, "user": "u-1"},
    ),
    (
        "extend by so much, without a user",
        replace(EXTEND, user="u-1"),
        "extensions",
        {"model": V1, "prompt": "a calm sea", "video": {"url": CLIP}, "duration": 2},
    ),
    (
        "a model of another name",
        replace(ORDER, model="mine", wire=Wire(fixed={"model": V15})),
        "generations",
        {**SENT, "model": V15, "aspect_ratio": "16:9"},
    ),
]


@pytest.mark.parametrize(("order", "endpoint", "body"), [row[1:] for row in PAYLOADS], ids=[row[0] for row in PAYLOADS])
async def test_the_exact_json_that_leaves(
    order: Order, endpoint: str, body: dict[str, Any], fake: FakeXai, url: str
) -> None:
    async with opened(url) as provider:
        operation = await provider.submit(order)
    (paid,) = fake.ledger.paid()
    assert paid.body == body
    assert {name: type(value) for name, value in paid.body.items()} == {k: type(v) for k, v in body.items()}
    assert paid.endpoint == f"/v1/videos/{endpoint}"
    assert operation == {"id": paid.request_id}


def test_what_is_passed_through_never_replaces_what_was_priced() -> None:
    order = replace(ORDER, extra={"model": V15, "duration": 15, "prompt": "x", "output": {"upload_url": "u"}})
    assert build_payload(order) == {**SENT, "aspect_ratio": "16:9", "output": {"upload_url": "u"}}


@pytest.mark.parametrize(("model", "mode"), OFFERED)
async def test_the_defaults_of_every_offering_are_taken(model: str, mode: Mode, fake: FakeXai, url: str) -> None:
    spec = CATALOGUE.models[model].offerings["xai"].modes[mode]
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
        video=Input("video", url=CLIP) if spec.video else None,
    )
    async with opened(url) as provider:
        await provider.submit(order)
    assert len(fake.ledger.paid()) == 1
