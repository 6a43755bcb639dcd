"""What is worked out before a request is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from app.domain.errors import GatewayError
from app.domain.requests import Upload
from tests.services.bench import OWNER, Scripted, open_bench, request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.services.bench import Bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Scripted(name="fal")) as opened:
        yield opened


def picture(folder: Path) -> Upload:
    path = folder / "picture"
    Image.new("RGB", (64, 64)).save(path, "PNG")
    return Upload(path, "hash", path.stat().st_size, "picture.png")


async def test_an_estimate_uses_the_providers_own_price(bench: Bench) -> None:
    plan = await bench.planner.plan(OWNER, request(prompt="x", seconds=5, resolution="720p", n=2), bench.folder)
    assert plan.components is not None
    (line,) = plan.components
    assert (line.metric, line.quantity, line.unit_price, line.total_cost) == ("second", 10, 0.07, 700_000)


async def test_an_input_image_adds_its_price(bench: Bench) -> None:
    image = picture(bench.folder)
    plan = await bench.planner.plan(OWNER, request(prompt="x", seconds=6, input_reference=image), bench.folder)
    assert sum(line.total_cost for line in plan.components or ()) == 422_000


async def test_too_many_images_are_refused_with_the_limit(bench: Bench) -> None:
    images = [picture(bench.folder)] * 8
    with pytest.raises(GatewayError, match="8 input images; grok-imagine-video takes at most 7"):
        await bench.planner.plan(OWNER, request(prompt="x", reference_images=images), bench.folder)


async def test_strict_refuses_another_model_than_the_one_meant(tmp_path: Path) -> None:
    async with open_bench(tmp_path, Scripted(), default_model="sora-2-pro") as opened:
        video = {"video_url": "https://example.com/a.mp4"}
        with pytest.raises(GatewayError, match="does not offer edit; used grok-imagine-video") as error:
            await opened.planner.plan(OWNER, request(prompt="x", strict=True, input_video=video), opened.folder)
        assert (error.value.code, error.value.param) == ("unsupported_value", "model")


async def test_a_prompt_over_the_models_limit_is_refused(bench: Bench) -> None:
    with pytest.raises(GatewayError, match="5000 characters; grok-imagine-video takes at most 4096"):
        await bench.planner.plan(OWNER, request(prompt="x" * 5000), bench.folder)
