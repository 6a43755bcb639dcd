"""The local adapter: what it asks the renderer for, and that a render survives its process."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.domain.catalogue import Mode
from app.providers.base import Failed, Input, Order, Pending, Sent, Succeeded
from app.providers.local.adapter import LocalProvider, build_spec

if TYPE_CHECKING:
    from app.domain.jobs import Operation

ORDER = Order(
    submission_id="sub_1",
    output_id="out_1",
    model="grok-imagine-video",
    mode=Mode.TEXT,
    endpoint="",
    prompt="a calm sea",
    ratio="16:9",
    resolution="480p",
    seconds=1,
    seed=7,
    images=(),
    video=None,
    extra={},
)


def image(width: int, height: int) -> Input:
    return Input("image", Path("/inputs/input-0"), content_type="image/png", width=width, height=height)


def video(width: int, height: int) -> Input:
    return Input("video", Path("/inputs/input-0"), content_type="video/mp4", width=width, height=height, seconds=4.0)


@pytest.mark.parametrize(
    ("order", "frame"),
    [
        (ORDER, (854, 480)),
        (replace(ORDER, ratio="9:16", resolution="720p"), (720, 1280)),
        (replace(ORDER, mode=Mode.IMAGE, ratio="auto", images=(image(400, 400),)), (480, 480)),
        (replace(ORDER, mode=Mode.IMAGE, ratio="auto", resolution="auto", images=(image(800, 600),)), (960, 720)),
        (replace(ORDER, mode=Mode.IMAGE, ratio="auto", images=(image(4000, 400),)), (1120, 480)),
        (replace(ORDER, mode=Mode.IMAGE, ratio="auto", images=(image(400, 4000),)), (480, 1120)),
        (replace(ORDER, mode=Mode.EDIT, ratio="auto", resolution="auto", video=video(1280, 720)), (1280, 720)),
        (replace(ORDER, mode=Mode.EDIT, ratio="auto", resolution="auto", video=video(1920, 1080)), (1280, 720)),
        (replace(ORDER, mode=Mode.EDIT, ratio="auto", resolution="auto", video=video(321, 241)), (320, 240)),
        (replace(ORDER, mode=Mode.EXTEND, ratio="auto", resolution="480p", video=video(720, 1280)), (480, 854)),
    ],
)
def test_the_frame_follows_the_order_or_its_input(order: Order, frame: tuple[int, int]) -> None:
    spec = build_spec(order)
    assert (spec.width, spec.height) == frame


def test_paths_are_names_in_the_scratch_folder_so_that_it_may_move() -> None:
    spec = build_spec(replace(ORDER, mode=Mode.EDIT, ratio="auto", video=video(640, 480)))
    assert (spec.video, spec.target) == ("input-0", "result.mp4")


async def ended(provider: LocalProvider, operation: Operation) -> Succeeded | Failed:
    async with asyncio.timeout(90):
        while isinstance(answer := await provider.poll(operation), Pending):
            await asyncio.sleep(0.05)
    return answer


async def submitted(provider: LocalProvider, scratch: Path, order: Order = ORDER) -> Operation:
    (scratch / order.output_id).mkdir(exist_ok=True)
    return await provider.submit(order)


async def test_a_render_reports_progress_and_ends_with_a_file_for_nothing(tmp_path: Path) -> None:
    provider = LocalProvider(tmp_path)
    operation = await submitted(provider, tmp_path)
    assert await provider.poll(operation) == Pending(0, 1.0)
    answer = await ended(provider, operation)
    assert answer == Succeeded(tmp_path / "out_1" / "result.mp4", cost=0)
    assert not any(task.get_name() == "render-out_1" for task in asyncio.all_tasks()), "its process is gone, too"


async def test_a_restarted_gateway_starts_the_render_again_and_gets_the_same_bytes(tmp_path: Path) -> None:
    first = LocalProvider(tmp_path)
    operation = await submitted(first, tmp_path)
    await ended(first, operation)
    result = tmp_path / "out_1" / "result.mp4"
    before = result.read_bytes()
    result.unlink()
    assert isinstance(await ended(LocalProvider(tmp_path), operation), Succeeded)
    assert result.read_bytes() == before


async def test_submitting_twice_starts_one_render(tmp_path: Path) -> None:
    provider = LocalProvider(tmp_path)
    await submitted(provider, tmp_path)
    await submitted(provider, tmp_path)
    assert sum(task.get_name() == "render-out_1" for task in asyncio.all_tasks()) == 1
    await provider.close()


async def test_cancelling_kills_the_render(tmp_path: Path) -> None:
    provider = LocalProvider(tmp_path)
    operation = await submitted(provider, tmp_path, replace(ORDER, seconds=120, resolution="720p"))
    while (await provider.poll(operation)) == Pending(0, 1.0):
        await asyncio.sleep(0.01)
    await provider.cancel(operation)
    await provider.cancel(operation)
    await asyncio.sleep(0.2)
    assert not (tmp_path / "out_1" / "result.mp4").exists()
    assert not any(task.get_name() == "render-out_1" for task in asyncio.all_tasks())


async def test_an_input_that_cannot_be_read_fails_as_invalid_input(tmp_path: Path) -> None:
    provider = LocalProvider(tmp_path)
    order = replace(ORDER, mode=Mode.IMAGE, ratio="auto", images=(image(400, 400),))
    operation = await submitted(provider, tmp_path, order)
    answer = await ended(provider, operation)
    assert isinstance(answer, Failed)
    assert answer.code == "invalid_input"


async def test_a_lost_local_submission_surely_was_not_accepted(tmp_path: Path) -> None:
    assert await LocalProvider(tmp_path).find_submission(Sent("sub_1", "local", 0.0, ORDER)) is None
