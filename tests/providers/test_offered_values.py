"""Whatever the catalogue offers, its endpoint takes: every value of every mode, by the schemas of the fakes.

The schemas were written from fal.md and aimlapi.md, the catalogue's wire was not read for them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from app.domain.catalogue import Mode, builtin
from app.domain.formats import AUTO
from app.providers.aimlapi import adapter as aimlapi
from app.providers.base import Input, Order
from app.providers.payload import build_payload
from tests.upstreams.aimlapi_checks import Refused, check
from tests.upstreams.fal_checks import read_input
from tests.upstreams.fal_models import ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.domain.modes import ModeSpec

CATALOGUE = builtin()
OFFERED = [
    (provider, model.id, mode)
    for model in CATALOGUE.models.values()
    for provider in ("fal", "aimlapi")
    if provider in model.offerings
    for mode in model.offerings[provider].modes
]


def spec_of(provider: str, model: str, mode: Mode) -> ModeSpec:
    return CATALOGUE.models[model].offerings[provider].modes[mode]


def orders(provider: str, model: str, mode: Mode) -> Iterator[Order]:
    """Yield the default order, then one for each other value and for the most images."""
    spec = spec_of(provider, model, mode)
    picture = Input("image", url="https://example.com/0.png")
    usual = Order(
        submission_id="sub",
        output_id="out",
        model=model,
        mode=mode,
        endpoint=spec.endpoint,
        prompt="go",
        ratio=spec.default_ratio,
        resolution=spec.default_resolution,
        seconds=spec.seconds.default if spec.seconds else None,
        seed=1,
        images=(picture,) if spec.images.max else (),
        video=Input("video", url="https://example.com/0.mp4") if spec.video else None,
        extra={},
        wire=spec.wire,
    )
    yield usual
    yield replace(usual, images=(picture,) * spec.images.max)
    for ratio in spec.ratios:
        yield replace(usual, ratio=ratio)
    for resolution in spec.resolutions:
        yield replace(usual, resolution=resolution)
    if spec.seconds:
        for seconds in spec.seconds.values or range(spec.seconds.min, spec.seconds.max + 1):
            yield replace(usual, seconds=seconds)


def mistakes(provider: str, order: Order) -> list[Any]:
    if provider == "fal":
        return read_input(order.endpoint, json.dumps(build_payload(order)).encode(), strict=True)[2]
    try:
        check(aimlapi.build_payload(order))
    except Refused as refused:
        return list(refused.messages)
    return []


@pytest.mark.parametrize(("provider", "model", "mode"), OFFERED)
def test_an_endpoint_takes_every_value_that_is_offered(provider: str, model: str, mode: Mode) -> None:
    for order in orders(provider, model, mode):
        assert not mistakes(provider, order), (order.ratio, order.resolution, order.seconds, len(order.images))


@pytest.mark.parametrize(("provider", "model", "mode"), OFFERED)
def test_an_endpoint_refuses_what_it_does_not_document(provider: str, model: str, mode: Mode) -> None:
    order = next(orders(provider, model, mode))
    assert mistakes(provider, replace(order, extra={"surprise": 1}))
    wrong: dict[str, Any] = {"ratio": "5:1", "resolution": "99p", "seconds": 99}
    for name, value in wrong.items():
        if getattr(order.wire, name) and getattr(order, name) not in {AUTO, None}:
            assert mistakes(provider, replace(order, **{name: value})), name


def test_a_field_of_another_type_is_refused() -> None:
    for provider, model, mode in OFFERED:
        if provider == "fal" and "duration" in ENDPOINTS[spec_of(provider, model, mode).endpoint].fields:
            order = next(orders(provider, model, mode))
            form = "text" if order.wire.seconds_as == "number" else "number"
            assert mistakes(provider, replace(order, wire=order.wire.model_copy(update={"seconds_as": form}))), model
