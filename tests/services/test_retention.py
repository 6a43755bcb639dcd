"""How long finished videos are kept: their files go when their time has come, and what is known of them stays."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.domain.errors import GatewayError
from app.providers.base import Failed, Succeeded
from app.services.ending import Ending
from tests.files import files_in
from tests.services.bench import OWNER, Scripted, open_bench
from tests.services.test_keeping import write

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.services.bench import Bench

DAY = 86400.0


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Scripted("fal")) as opened:
        yield opened


def keeping(bench: Bench, seconds: float | None) -> Ending:
    """Give the cleanup lane of a gateway that was started with this retention."""
    return Ending(replace(bench.context, keep_seconds=seconds))


async def finished(bench: Bench, **fields: object) -> str:
    """Make a video that is stored and cleaned up."""
    video_id = await bench.create(**fields)
    await bench.step()
    bench.clock.now += 1
    bench.provider.on_poll = [Succeeded(write(bench.folder / f"{number}.mp4"), cost=5) for number in range(2)]
    await bench.step()
    await bench.step()
    await bench.clean_up()
    return video_id


def files(bench: Bench) -> int:
    """Count what lies in the media storage."""
    return len(files_in(bench.folder.parent / "media"))


async def test_the_files_of_a_video_go_when_it_expires_and_not_before(bench: Bench) -> None:
    video_id = await finished(bench, n=2)
    ending = keeping(bench, DAY)
    await ending.sweep()
    row = (await bench.show(video_id)).row
    assert row.completed_at is not None
    assert row.expires_at == row.completed_at + DAY
    bench.clock.now = row.expires_at - 2
    await ending.sweep()
    assert await bench.clean_up() == 0
    assert files(bench) == 6
    bench.clock.now = row.expires_at
    await ending.sweep()
    assert await bench.clean_up() == 2
    assert files(bench) == 0
    video = await bench.show(video_id)
    assert (video.row.status, video.row.prompt != "", video.row.expires_at) == ("completed", True, row.expires_at)
    assert [(output.state, output.media_key, output.num_frames) for output in video.outputs] == [
        ("completed", None, 25)
    ] * 2
    await ending.sweep()
    assert await bench.clean_up() == 0, "what is gone is not looked at again"


async def test_no_retention_keeps_what_there_is_and_promises_nothing(bench: Bench) -> None:
    video_id = await finished(bench)
    await keeping(bench, DAY).sweep()
    await keeping(bench, None).sweep()
    assert (await bench.show(video_id)).row.expires_at is None
    bench.clock.now += 1000 * DAY
    await keeping(bench, None).sweep()
    assert await bench.clean_up() == 0
    assert files(bench) == 3


async def test_what_is_gone_keeps_the_moment_at_which_it_went(bench: Bench) -> None:
    video_id = await finished(bench)
    bench.clock.now += DAY
    await keeping(bench, DAY).sweep()
    await bench.clean_up()
    expired = (await bench.show(video_id)).row.expires_at
    for keep in (None, 30 * DAY):
        await keeping(bench, keep).sweep()
        assert (await bench.show(video_id)).row.expires_at == expired is not None


async def test_a_failed_video_has_nothing_that_could_expire(bench: Bench) -> None:
    video_id = await bench.create()
    await bench.step()
    bench.clock.now += 1
    bench.provider.on_poll = [Failed("invalid_input", "No.")]
    await bench.step()
    await keeping(bench, DAY).sweep()
    assert (await bench.show(video_id)).row.expires_at is None


async def test_an_expired_video_can_still_be_deleted(bench: Bench) -> None:
    video_id = await finished(bench)
    bench.clock.now += DAY
    await keeping(bench, DAY).sweep()
    await bench.clean_up()
    await bench.videos.delete(OWNER, video_id)
    await bench.clean_up()
    with pytest.raises(GatewayError):
        await bench.videos.get(OWNER, video_id)
