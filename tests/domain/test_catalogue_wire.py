"""What each offering's endpoint is sent, for a typical request: names, types and letter case (pitfalls.md, 25)."""

from __future__ import annotations

from typing import Any, TypeAlias

import pytest

from app.domain.catalogue import Mode
from app.domain.sizing import Asked, normalise
from app.providers.base import Input, Order
from app.providers.payload import build_payload
from tests.domain.specs import CATALOGUE, LITE, V1, V15, spec_of

T, I, R, E, X = Mode  # noqa: E741 - the five modes, in their order
Body: TypeAlias = dict[str, Any]

VIDEO = {"video_url": "v.mp4"}
MOVED, COMPOSED = {"image_url": "0.png"}, {"reference_image_urls": ["0.png", "1.png"]}


def usual(seconds: object = 5, ratio: str = "16:9", resolution: str = "720p") -> Body:
    """Name what most endpoints take as they take it."""
    body = {"duration": seconds, "aspect_ratio": ratio, "resolution": resolution}
    return {name: value for name, value in body.items() if value}


# provider, model, mode, endpoint, body (without the prompt) for nothing asked but 720p and five seconds
ROWS: list[tuple[str, str, Mode, str, Body]] = [
    ("fal", V1, T, "xai/grok-imagine-video/text-to-video", usual()),
    ("fal", V1, I, "xai/grok-imagine-video/image-to-video", {**usual(ratio="auto"), **MOVED}),
    ("fal", V1, R, "xai/grok-imagine-video/reference-to-video", {**usual(), **COMPOSED}),
    ("fal", V1, E, "xai/grok-imagine-video/edit-video", {"resolution": "720p", **VIDEO}),
    ("fal", V1, X, "xai/grok-imagine-video/extend-video", {"duration": 5, **VIDEO}),
    ("fal", V15, T, "xai/grok-imagine-video/v1.5/text-to-video", usual()),
    ("fal", V15, I, "xai/grok-imagine-video/v1.5/image-to-video", {**usual(ratio=""), **MOVED}),
    ("fal", V15, R, "xai/grok-imagine-video/v1.5/reference-to-video", {**usual(), **COMPOSED}),
    ("fal", LITE, T, "xai/grok-imagine-video/v1.5/lite/text-to-video", usual()),
    ("fal", LITE, I, "xai/grok-imagine-video/v1.5/lite/image-to-video", {**usual(ratio=""), **MOVED}),
    ("aimlapi", V1, T, "x-ai/grok-imagine-video", usual()),
    ("aimlapi", V1, I, "x-ai/grok-imagine-video", {**usual(ratio=""), **MOVED}),
    ("aimlapi", V1, R, "x-ai/grok-imagine-video", {**usual(), "reference_images": ["0.png", "1.png"]}),
    ("aimlapi", V15, I, "x-ai/grok-imagine-video-1.5-preview", {**usual(ratio=""), **MOVED}),
    ("fal", "veo-3.1", T, "fal-ai/veo3.1", usual("4s")),
    ("fal", "veo-3.1", I, "fal-ai/veo3.1/image-to-video", {**usual("4s", "auto"), **MOVED}),
    ("fal", "veo-3.1", R, "fal-ai/veo3.1/reference-to-video", {**usual("8s"), "image_urls": ["0.png", "1.png"]}),
    (
        "fal",
        "veo-3.1",
        X,
        "fal-ai/veo3.1/extend-video",
        {"duration": "7s", "resolution": "720p", "aspect_ratio": "auto", **VIDEO},
    ),
    ("aimlapi", "veo-3.1", T, "google/veo-3.1-t2v", usual(4)),
    ("aimlapi", "veo-3.1", I, "google/veo-3.1-i2v", {**usual(4, ""), **MOVED}),
    (
        "aimlapi",
        "veo-3.1",
        R,
        "google/veo-3.1-reference-to-video",
        {**usual(8, ""), "image_urls": ["0.png", "1.png"]},
    ),
    (
        "fal",
        "kling-v2.5-turbo-pro",
        T,
        "fal-ai/kling-video/v2.5-turbo/pro/text-to-video",
        {"duration": "5", "aspect_ratio": "16:9"},
    ),
    (
        "fal",
        "kling-v2.5-turbo-pro",
        I,
        "fal-ai/kling-video/v2.5-turbo/pro/image-to-video",
        {"duration": "5", **MOVED},
    ),
    ("fal", "wan-2.6", T, "wan/v2.6/text-to-video", usual("5")),
    ("fal", "wan-2.6", I, "wan/v2.6/image-to-video", {**usual("5", ""), **MOVED}),
    ("fal", "wan-2.7", T, "fal-ai/wan/v2.7/text-to-video", usual()),
    ("fal", "wan-2.7", I, "fal-ai/wan/v2.7/image-to-video", {**usual(ratio=""), **MOVED}),
    ("aimlapi", "wan-2.7", T, "alibaba/wan-2-7-t2v", usual()),
    ("aimlapi", "wan-2.7", I, "alibaba/wan-2-7-i2v", {**usual(ratio=""), **MOVED}),
    ("fal", "seedance-2.0", T, "bytedance/seedance-2.0/text-to-video", usual("5")),
    ("fal", "seedance-2.0", I, "bytedance/seedance-2.0/image-to-video", {**usual("5", "auto"), **MOVED}),
    (
        "fal",
        "seedance-2.0",
        R,
        "bytedance/seedance-2.0/reference-to-video",
        {**usual("5"), "image_urls": ["0.png", "1.png"]},
    ),
    ("aimlapi", "seedance-2.0", T, "bytedance/seedance-2-0", usual()),
    ("aimlapi", "seedance-2.0", I, "bytedance/seedance-2-0", {**usual(ratio=""), **MOVED}),
    ("aimlapi", "seedance-2.0", R, "bytedance/seedance-2-0", {**usual(), "image_urls": ["0.png", "1.png"]}),
    ("fal", "ltx-2.3", T, "fal-ai/ltx-2.3/text-to-video", usual(6, resolution="1080p")),
    ("fal", "ltx-2.3", I, "fal-ai/ltx-2.3/image-to-video", {**usual(6, "auto", "1080p"), **MOVED}),
    ("fal", "hailuo-02", T, "fal-ai/minimax/hailuo-02/standard/text-to-video", {"duration": "6"}),
    (
        "fal",
        "hailuo-02",
        I,
        "fal-ai/minimax/hailuo-02/standard/image-to-video",
        {"duration": "6", "resolution": "768P", **MOVED},
    ),
    ("fal", "hailuo-02-pro", T, "fal-ai/minimax/hailuo-02/pro/text-to-video", {}),
    ("fal", "hailuo-02-pro", I, "fal-ai/minimax/hailuo-02/pro/image-to-video", MOVED),
    ("fal", "hailuo-2.3", T, "fal-ai/minimax/hailuo-2.3/standard/text-to-video", {"duration": "6"}),
    ("fal", "hailuo-2.3", I, "fal-ai/minimax/hailuo-2.3/standard/image-to-video", {"duration": "6", **MOVED}),
    ("aimlapi", "hailuo-2.3", T, "minimax/hailuo-2.3", {"duration": 6, "resolution": "768P"}),
    ("aimlapi", "hailuo-2.3", I, "minimax/hailuo-2.3", {"duration": 6, "resolution": "768P", **MOVED}),
    ("fal", "hailuo-2.3-pro", T, "fal-ai/minimax/hailuo-2.3/pro/text-to-video", {}),
    ("fal", "hailuo-2.3-pro", I, "fal-ai/minimax/hailuo-2.3/pro/image-to-video", MOVED),
    ("fal", "openai-sora-2", T, "fal-ai/sora-2/text-to-video", usual(4)),
    ("fal", "openai-sora-2", I, "fal-ai/sora-2/image-to-video", {**usual(4, "auto"), **MOVED}),
    ("aimlapi", "openai-sora-2", T, "openai/sora-2-t2v", usual(4)),
    ("aimlapi", "openai-sora-2", I, "openai/sora-2-i2v", {**usual(4, ""), **MOVED}),
    ("fal", "openai-sora-2-pro", T, "fal-ai/sora-2/text-to-video/pro", usual(4)),
    ("fal", "openai-sora-2-pro", I, "fal-ai/sora-2/image-to-video/pro", {**usual(4, "auto"), **MOVED}),
    ("aimlapi", "openai-sora-2-pro", T, "openai/sora-2-pro-t2v", usual(4)),
    ("aimlapi", "openai-sora-2-pro", I, "openai/sora-2-pro-i2v", {**usual(4, ""), **MOVED}),
    *(
        row
        for tier in ("pro", "standard")
        for row in (
            (
                "fal",
                f"kling-v3-{tier}",
                T,
                f"fal-ai/kling-video/v3/{tier}/text-to-video",
                {"duration": "5", "aspect_ratio": "16:9"},
            ),
            (
                "fal",
                f"kling-v3-{tier}",
                I,
                f"fal-ai/kling-video/v3/{tier}/image-to-video",
                {"duration": "5", "start_image_url": "0.png"},
            ),
            (
                "aimlapi",
                f"kling-v3-{tier}",
                T,
                f"klingai/video-v3-{tier}-text-to-video",
                {"duration": 5, "aspect_ratio": "16:9"},
            ),
            ("aimlapi", f"kling-v3-{tier}", I, f"klingai/video-v3-{tier}-image-to-video", {"duration": 5, **MOVED}),
        )
    ),
]


def sent(provider: str, model: str, mode: Mode, asked: Asked, prompt: str = "go") -> Body:
    spec = spec_of(model, mode, provider)
    found = normalise(asked, spec)
    pictures = tuple(Input("image", url=f"{index}.png") for index in range({I: 1, R: 2}.get(mode, 0)))
    order = Order(
        submission_id="sub",
        output_id="out",
        model=model,
        mode=mode,
        endpoint=spec.endpoint,
        prompt=prompt,
        ratio=found.ratio,
        resolution=found.resolution,
        seconds=found.seconds,
        seed=1,
        images=pictures,
        video=Input("video", url="v.mp4") if mode in (E, X) else None,
        extra={},
        wire=spec.wire,
    )
    return dict(build_payload(order))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1]} {row[2]}")
def test_an_endpoint_is_sent_what_it_has_in_its_own_spelling(row: tuple[str, str, Mode, str, Body]) -> None:
    provider, model, mode, endpoint, body = row
    assert spec_of(model, mode, provider).endpoint == endpoint
    assert sent(provider, model, mode, Asked(seconds="5", resolution="720p")) == {"prompt": "go", **body}


def test_every_offering_of_fal_and_aimlapi_is_in_the_table() -> None:
    assert {row[:3] for row in ROWS} == {
        (provider, model.id, mode)
        for model in CATALOGUE.models.values()
        for provider in ("fal", "aimlapi")
        if provider in model.offerings
        for mode in model.offerings[provider].modes
    }


def test_an_edit_whose_resolution_is_left_to_fal_says_auto() -> None:
    assert sent("fal", V1, E, Asked()) == {"prompt": "go", "resolution": "auto", **VIDEO}


@pytest.mark.parametrize(
    ("provider", "model", "asked", "used"),
    [
        ("fal", "veo-3.1", "4K", "4k"),
        ("fal", "seedance-2.0", "2160p", "4k"),
        ("aimlapi", "seedance-2.0", "4k", "4k"),
        ("fal", "ltx-2.3", "4K", "2160p"),
        ("fal", "ltx-2.3", "2K", "1440p"),
        ("aimlapi", "hailuo-2.3", "1080P", "1080P"),
    ],
)
def test_large_tiers_are_sent_under_the_endpoints_own_names(provider: str, model: str, asked: str, used: str) -> None:
    assert sent(provider, model, T, Asked(resolution=asked))["resolution"] == used


@pytest.mark.parametrize(
    ("provider", "model", "tag"),
    [("fal", V1, "@Image1"), ("fal", V15, "<IMAGE_0>"), ("xai", V1, "<IMAGE_0>"), ("xai", V15, "<IMAGE_0>")],
)
def test_reference_tags_are_the_offerings_own(provider: str, model: str, tag: str) -> None:
    for asked in ("@Image1", "<IMAGE_0>"):
        assert sent(provider, model, R, Asked(), f"{asked} dances")["prompt"] == f"{tag} dances"


@pytest.mark.parametrize("mode", [E, X])
def test_xai_is_sent_no_frame_for_an_edit_or_an_extension(mode: Mode) -> None:
    body = sent("xai", V1, mode, Asked(resolution="480p", aspect_ratio="1:1", seconds="5"))
    assert ("resolution" in body, "aspect_ratio" in body, body.get("duration")) == (False, False, {E: None, X: 5}[mode])
