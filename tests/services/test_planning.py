"""What is worked out before a request is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from app.domain import catalogue
from app.domain.catalogue import Mode
from app.domain.errors import GatewayError
from app.domain.requests import Upload, parse
from app.services.planning import Planner
from app.services.routing import Router
from tests.services.bench import OWNER, Scripted, open_bench, request
from tests.upstreams.films import film

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


async def test_a_model_without_a_price_is_said_to_have_none(tmp_path: Path) -> None:
    async with open_bench(tmp_path, Scripted(name="aimlapi")) as opened:
        video = await opened.show(await opened.create())
    assert video.row.cost_estimate is None
    assert [(each["param"], each["code"], each["used"]) for each in video.row.warnings] == [
        ("model", "unpriced", "aimlapi/grok-imagine-video")
    ]
    assert "the price of aimlapi/grok-imagine-video is not known" in str(video.row.warnings[0]["message"])


async def test_strict_does_not_refuse_what_has_no_price(tmp_path: Path) -> None:
    async with open_bench(tmp_path, Scripted(name="aimlapi")) as opened:
        plan = await opened.planner.plan(OWNER, request(prompt="x", strict=True), opened.folder)
    assert [each.code for each in plan.warnings] == ["unpriced"]


async def test_fields_of_an_endpoint_that_the_catalogue_does_not_know_are_its_own(bench: Bench) -> None:
    asked = request(prompt="x", sizes="big", strict=True, model="fal/fal-ai/anything")
    assert "unknown" not in {each.code for each in (await bench.planner.plan(OWNER, asked, bench.folder)).warnings}


async def test_what_has_a_price_is_not_warned_of(bench: Bench) -> None:
    plan = await bench.planner.plan(OWNER, request(prompt="x"), bench.folder)
    assert plan.warnings == ()


async def test_a_video_of_unknown_length_is_said_to_be_why_there_is_no_estimate(bench: Bench) -> None:
    asked = request(prompt="x", input_video={"video_url": "https://93.184.215.14/a.mp4"})
    plan = await bench.planner.plan(OWNER, asked, bench.folder)
    assert plan.components is None
    assert [each.code for each in plan.warnings] == ["unpriced"]
    assert "depends on the length of the input video" in plan.warnings[0].message


STEPS = """
[models."grok-imagine-video".modes.extend]
seconds = { values = [2, 5, 10], default = 10 }
"""


@pytest.mark.parametrize(("wanted", "given"), [({}, 5), ({"seconds": 6}, 5), ({"seconds": 10}, 5), ({"seconds": 3}, 2)])
async def test_a_tail_behind_a_long_video_is_one_of_the_lengths_that_are_offered(
    bench: Bench, wanted: dict[str, int], given: int
) -> None:
    path = bench.folder / "source.mp4"
    path.write_bytes(film(64, 64, 9 * 24))
    source = Upload(path, "hash", path.stat().st_size, "source.mp4")
    router = Router(catalogue.load(STEPS), ("fal",), "grok-imagine-video")
    planner = Planner(bench.database, router, bench.context.inputs, bench.context.pace)
    asked = parse({"prompt": "x", "video": source, **wanted}, Mode.EXTEND)
    plan = await planner.plan(OWNER, asked, bench.folder)
    assert [offer.seconds for offer in plan.offers] == [given]
