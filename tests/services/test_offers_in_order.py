"""Who is asked, in which order: by the operator's wish and by what each provider can do."""

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

NAMES = ("fal", "aimlapi", "xai")


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, *map(Scripted, NAMES)) as opened:
        yield opened


async def test_the_cheapest_known_price_is_first_and_the_estimate_is_its_own(tmp_path: Path) -> None:
    async with open_bench(tmp_path, Scripted("aimlapi"), Scripted("fal"), preference="cheapest") as bench:
        plan = await bench.planner.plan(OWNER, request(prompt="x", seconds=5, resolution="720p"), bench.folder)
        assert [offer.provider for offer in plan.offers] == ["fal", "aimlapi"]
        assert plan.route.executed_model == "fal/grok-imagine-video"
        assert sum(line.total_cost for line in plan.components or ()) == 350_000


async def test_the_fastest_seen_is_first(tmp_path: Path) -> None:
    async with open_bench(tmp_path, *map(Scripted, NAMES), preference="fastest") as bench:
        asked = request(prompt="x", seconds=5)
        first = await bench.planner.plan(OWNER, asked, bench.folder)
        assert [offer.provider for offer in first.offers] == list(NAMES)
        endpoints = {offer.provider: offer.endpoint for offer in first.offers}
        bench.context.pace.record("xai", endpoints["xai"], 5)
        bench.context.pace.record("fal", endpoints["fal"], 90)
        plan = await bench.planner.plan(OWNER, asked, bench.folder)
        assert [offer.provider for offer in plan.offers] == ["xai", "aimlapi", "fal"]


async def test_a_pin_leaves_one_offer(bench: Bench) -> None:
    plan = await bench.planner.plan(OWNER, request(prompt="x", model="xai/grok-imagine-video"), bench.folder)
    assert [offer.provider for offer in plan.offers] == ["xai"]


def pictures(folder: Path, count: int) -> list[Upload]:
    path = folder / "picture"
    Image.new("RGB", (64, 64)).save(path, "PNG")
    return [Upload(path, "hash", path.stat().st_size, "picture.png")] * count


async def test_a_provider_that_lacks_the_mode_is_left_out(bench: Bench) -> None:
    plan = await bench.planner.plan(OWNER, request(prompt="x", model="grok-imagine-video-1.5"), bench.folder)
    assert [offer.provider for offer in plan.offers] == ["fal", "xai"]


@pytest.mark.parametrize(("images", "providers"), [(7, ["fal", "xai"]), (10, ["xai"])])
async def test_a_provider_that_cannot_take_so_many_images_is_left_out(
    bench: Bench, images: int, providers: list[str]
) -> None:
    asked = request(prompt="x", model="grok-imagine-video-1.5", reference_images=pictures(bench.folder, images))
    plan = await bench.planner.plan(OWNER, asked, bench.folder)
    assert [offer.provider for offer in plan.offers] == providers
    assert plan.route.provider == providers[0]
    assert plan.route.asked == "grok-imagine-video-1.5"


async def test_when_nobody_can_take_so_many_the_first_ones_limit_is_named(bench: Bench) -> None:
    asked = request(prompt="x", model="grok-imagine-video-1.5", reference_images=pictures(bench.folder, 15))
    with pytest.raises(GatewayError, match=r"15 input images; grok-imagine-video-1\.5 takes at most 7"):
        await bench.planner.plan(OWNER, asked, bench.folder)


async def test_a_webhook_is_nothing_to_warn_of(bench: Bench) -> None:
    asked = request(prompt="x", webhook_url="https://example.com/hook")
    plan = await bench.planner.plan(OWNER, asked, bench.folder)
    assert "webhook_url" not in {each.param for each in plan.warnings}
