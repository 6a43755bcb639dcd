"""The built-in catalogue against what the providers publish, row by row (fal, AI/ML API and xAI, November 2026)."""

from __future__ import annotations

from typing import TypeAlias

import pytest

from app.domain.catalogue import Mode, ModeSpec, SecondsRange
from app.domain.pricing import Quantities, estimate, total
from tests.domain.specs import CATALOGUE, EVERY_SPEC, LITE, SEVEN, V1, V15, spec_of

GROK = [CATALOGUE.models[name] for name in (V1, V15, LITE)]
LOW, HIGH = ("480p", "720p"), ("480p", "720p", "1080p")
Row: TypeAlias = tuple[str, Mode, str, tuple[str, ...], str, tuple[str, ...], str, tuple[int, int, int] | None, int]
Prices: TypeAlias = tuple[dict[str, float], float, float]
T, I, R, E, X = Mode  # noqa: E741 - the five modes, in their order

# model, mode, endpoint, ratios, default ratio, resolutions, default, seconds (least, most, default), images
FAL: list[Row] = [
    (V1, T, "xai/grok-imagine-video/text-to-video", SEVEN, "16:9", LOW, "720p", (1, 15, 6), 0),
    (V1, I, "xai/grok-imagine-video/image-to-video", SEVEN, "auto", LOW, "720p", (1, 15, 6), 1),
    (V1, R, "xai/grok-imagine-video/reference-to-video", SEVEN, "16:9", LOW, "480p", (1, 10, 8), 7),
    (V1, E, "xai/grok-imagine-video/edit-video", (), "auto", LOW, "auto", None, 0),
    (V1, X, "xai/grok-imagine-video/extend-video", (), "auto", (), "auto", (2, 10, 6), 0),
    (V15, T, "xai/grok-imagine-video/v1.5/text-to-video", SEVEN, "16:9", HIGH, "720p", (1, 15, 6), 0),
    (V15, I, "xai/grok-imagine-video/v1.5/image-to-video", (), "auto", HIGH, "720p", (1, 15, 6), 1),
    (V15, R, "xai/grok-imagine-video/v1.5/reference-to-video", SEVEN, "16:9", LOW, "480p", (1, 10, 8), 7),
    (LITE, T, "xai/grok-imagine-video/v1.5/lite/text-to-video", SEVEN, "16:9", HIGH, "720p", (1, 15, 6), 0),
    (LITE, I, "xai/grok-imagine-video/v1.5/lite/image-to-video", (), "auto", HIGH, "720p", (1, 15, 6), 1),
]
AIMLAPI: list[Row] = [
    (V1, T, "x-ai/grok-imagine-video", SEVEN, "16:9", LOW, "720p", (1, 15, 6), 0),
    (V1, I, "x-ai/grok-imagine-video", SEVEN, "auto", LOW, "720p", (1, 15, 6), 1),
    (V1, R, "x-ai/grok-imagine-video", SEVEN, "16:9", LOW, "480p", (1, 10, 8), 7),
    (V15, I, "x-ai/grok-imagine-video-1.5-preview", SEVEN, "auto", HIGH, "720p", (1, 15, 6), 1),
]
XAI: list[Row] = [
    (V1, T, "videos/generations", SEVEN, "16:9", LOW, "720p", (1, 15, 6), 0),
    (V1, I, "videos/generations", SEVEN, "auto", LOW, "720p", (1, 15, 6), 1),
    (V1, R, "videos/generations", SEVEN, "16:9", LOW, "480p", (1, 10, 8), 7),
    (V1, E, "videos/edits", (), "auto", (), "auto", None, 0),
    (V1, X, "videos/extensions", (), "auto", (), "auto", (2, 10, 6), 0),
    (V15, T, "videos/generations", SEVEN, "16:9", HIGH, "720p", (1, 15, 6), 0),
    (V15, I, "videos/generations", (), "auto", HIGH, "720p", (1, 15, 6), 1),
    (V15, R, "videos/generations", SEVEN, "16:9", LOW, "480p", (1, 15, 8), 14),
    (LITE, T, "videos/generations", SEVEN, "16:9", HIGH, "720p", (1, 15, 6), 0),
    (LITE, I, "videos/generations", (), "auto", HIGH, "720p", (1, 15, 6), 1),
]
ROWS = [(provider, row) for provider, rows in (("fal", FAL), ("aimlapi", AIMLAPI), ("xai", XAI)) for row in rows]

# dollars per second of output by resolution, per input image, per second of input video
V1_SECOND = {"480p": 0.05, "720p": 0.07}
V15_SECOND = {"480p": 0.08, "720p": 0.14, "1080p": 0.25}
LITE_SECOND = {"480p": 0.02, "720p": 0.03, "1080p": 0.14}
PRICES: dict[tuple[str, str, Mode], Prices] = {
    ("fal", V1, T): (V1_SECOND, 0, 0),
    ("fal", V1, I): (V1_SECOND, 0.002, 0),
    ("fal", V1, R): (V1_SECOND, 0, 0),
    ("fal", V1, E): (V1_SECOND, 0, 0.01),
    ("fal", V1, X): (V1_SECOND, 0, 0.01),
    ("xai", V1, T): (V1_SECOND, 0, 0),
    ("xai", V1, I): (V1_SECOND, 0.002, 0),
    ("xai", V1, R): (V1_SECOND, 0.002, 0),
    ("xai", V1, E): (V1_SECOND, 0, 0.01),
    ("xai", V1, X): (V1_SECOND, 0, 0.01),
    **{(provider, V15, mode): (V15_SECOND, 0.01, 0) for provider in ("fal", "xai") for mode in (T, I, R)},
    **{(provider, LITE, mode): (LITE_SECOND, 0.01, 0) for provider in ("fal", "xai") for mode in (T, I)},
}


@pytest.mark.parametrize(("provider", "row"), ROWS, ids=[f"{provider} {row[0]} {row[1]}" for provider, row in ROWS])
def test_an_offering_is_what_its_provider_publishes(provider: str, row: Row) -> None:
    model, mode, endpoint, ratios, default_ratio, resolutions, default_resolution, seconds, images = row
    spec = spec_of(model, mode, provider)
    assert spec.endpoint == endpoint
    assert (spec.ratios, spec.default_ratio) == (ratios, default_ratio)
    assert (spec.resolutions, spec.default_resolution) == (resolutions, default_resolution)
    least, most, default = seconds or (0, 0, 0)
    assert spec.seconds == (SecondsRange(min=least, max=most, default=default) if seconds else None)
    assert spec.images.max == images


def test_no_offering_of_grok_is_left_unchecked() -> None:
    offered = {
        (provider, model.id, mode)
        for model in GROK
        for provider, offering in model.offerings.items()
        for mode in offering.modes
        if provider != "local"
    }
    assert offered == {(provider, row[0], row[1]) for provider, row in ROWS}


@pytest.mark.parametrize(("provider", "row"), ROWS, ids=[f"{provider} {row[0]} {row[1]}" for provider, row in ROWS])
def test_a_price_is_what_its_provider_publishes(provider: str, row: Row) -> None:
    price = spec_of(row[0], row[1], provider).price
    if provider == "aimlapi":  # publishes none
        assert price is None
        return
    assert price
    second, image, input_second = PRICES[provider, row[0], row[1]]
    assert price.second == second
    assert price.unit == (0.05 if provider == "fal" and row[0] == V1 else None)  # fal tells no other
    assert price.input_second == input_second
    if row[-1]:
        assert price.image == image


@pytest.mark.parametrize(
    ("provider", "mode", "least", "most", "total"),
    [
        ("fal", E, 0, 8, None),
        ("xai", E, 0, 8.7, None),
        ("local", E, 0, 8.7, None),
        ("fal", X, 2, 15, 15),
        ("xai", X, 2, 15, 15),
    ],
)
def test_an_input_video_has_the_providers_limits(
    provider: str, mode: Mode, least: float, most: float, total: float | None
) -> None:
    video = spec_of(V1, mode, provider).video
    assert video
    assert (video.min_seconds, video.max_seconds, video.max_total_seconds) == (least, most, total)


@pytest.mark.parametrize("spec", EVERY_SPEC)
def test_a_priced_mode_prices_every_resolution_it_offers(spec: ModeSpec) -> None:
    if spec.price is None:
        return
    assert set(spec.resolutions) <= set(spec.price.second)
    assert spec.resolutions == tuple(sorted(spec.resolutions, key=spec.price.per_second))
    assert all((estimate(spec, Quantities(tier, 1, 1)) or ())[0].unit_price > 0 for tier in (*spec.resolutions, "auto"))


@pytest.mark.parametrize(
    ("mode", "takes_images", "takes_video"), [(T, 0, 0), (I, 1, 0), (R, 1, 0), (E, 0, 1), (X, 0, 1)]
)
def test_a_mode_takes_the_inputs_its_name_says(mode: Mode, takes_images: int, takes_video: int) -> None:
    for model in CATALOGUE.models.values():
        for offering in model.offerings.values():
            spec = offering.modes.get(mode)
            if spec:
                assert (spec.images.max > 0, spec.video is not None) == (bool(takes_images), bool(takes_video))
                assert spec.free_size is None


def test_xais_models_come_first_and_their_prompts_end_where_xai_ends_them() -> None:
    assert [(model.id, model.owner, model.prompt_limit) for model in CATALOGUE.models.values()][:3] == [
        (V1, "xai", 4096),
        (V15, "xai", 4096),
        (LITE, "xai", 4096),
    ]


def test_openais_retired_models_and_xais_older_names_still_run() -> None:
    assert CATALOGUE.aliases == {
        "sora-2": V1,
        "sora-2-2025-10-06": V1,
        "sora-2-2025-12-08": V1,
        "sora-2-pro": V15,
        "sora-2-pro-2025-10-06": V15,
        "grok-imagine-video-beta": V1,
        "grok-imagine-video-1.5-preview": V15,
        "grok-imagine-video-1.5-2026-05-30": V15,
        "kling-v3": "kling-v3-pro",
    }


# Where a page of fal's states a price plainly, and the catalogue names the page. Dollars for the default length at each
# resolution.
OTHERS: list[tuple[str, Mode, dict[str, float]]] = [
    ("veo-3.1", T, {"720p": 3.2, "1080p": 3.2, "2160p": 4.8}),
    ("veo-3.1", R, {"720p": 3.2, "1080p": 3.2, "2160p": 4.8}),
    ("kling-v2.5-turbo-pro", I, {"auto": 0.35}),
    ("kling-v3-standard", T, {"auto": 0.63}),
    ("ltx-2.3", T, {"1080p": 0.48, "1440p": 0.96, "2160p": 1.92}),
    ("ltx-2.3", I, {"1080p": 0.36, "1440p": 0.72, "2160p": 1.44}),
    ("hailuo-02", I, {"512p": 0.102, "768p": 0.27}),
    ("hailuo-2.3-pro", I, {"auto": 0.49}),
]


@pytest.mark.parametrize(("model", "mode", "prices"), OTHERS)
def test_another_makers_model_costs_what_fals_page_says(model: str, mode: Mode, prices: dict[str, float]) -> None:
    spec = spec_of(model, mode)
    assert spec.seconds
    assert prices.keys() == set(spec.resolutions or ("auto",))
    for tier, dollars in prices.items():
        lines = estimate(spec, Quantities(tier, spec.seconds.default, 1))
        assert lines
        assert total(lines) == round(dollars * 1_000_000)


def test_no_other_model_has_a_price() -> None:
    named = {(model, mode) for model, mode, _ in OTHERS}
    for model in CATALOGUE.models.values():
        for provider, offering in model.offerings.items():
            for mode, spec in offering.modes.items():
                if model not in GROK and provider != "local":
                    assert (spec.price is not None) == (provider == "fal" and (model.id, mode) in named)
