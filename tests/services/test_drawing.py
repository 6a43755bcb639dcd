"""Pictures are drawn after the end: they delay no video, and come and go with its film."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.media import probe
from app.media.errors import MediaError, StoreFault
from app.providers.base import Succeeded
from tests.services.bench import OWNER, Scripted, open_bench
from tests.upstreams.films import film

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from app.db.tables import OutputRow
    from app.media.probe import Pictures
    from tests.services.bench import Bench

DRAW = "app.services.drawing.make_pictures"


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Scripted("fal")) as opened:
        yield opened


async def completed(bench: Bench) -> str:
    """Return a video that was just completed."""
    video_id = await bench.create()
    await bench.step()
    bench.clock.now += 1
    made = bench.folder / "made.mp4"
    made.write_bytes(film(64, 48, 25))
    bench.provider.on_poll = [Succeeded(made, cost=5)]
    await bench.step()
    await bench.step()
    return video_id


async def output_of(bench: Bench, video_id: str) -> OutputRow:
    (output,) = (await bench.show(video_id)).outputs
    return output


def files(bench: Bench) -> list[str]:
    """Return the names of everything that is stored."""
    return sorted(path.name for path in (bench.folder.parent / "media").rglob("*.*") if path.is_file())


async def test_a_video_is_completed_with_its_film_and_its_pictures_come_after_that(bench: Bench) -> None:
    video_id = await completed(bench)
    assert (await bench.show(video_id)).row.status == "completed"
    assert files(bench) == ["video.mp4"]
    assert await bench.clean_up() == 1
    assert files(bench) == ["spritesheet.jpg", "thumbnail.webp", "video.mp4"]
    assert not (await output_of(bench, video_id)).cleanup
    assert not list(bench.context.scratch.iterdir())


async def test_pictures_are_drawn_of_what_was_stored_where_the_process_that_stored_it_has_gone(bench: Bench) -> None:
    await completed(bench)
    (bench.folder / "made.mp4").unlink()
    await bench.clean_up()
    assert files(bench) == ["spritesheet.jpg", "thumbnail.webp", "video.mp4"]
    assert not list(bench.context.scratch.iterdir())


async def test_a_delete_while_pictures_are_drawn_leaves_no_file(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def overtaken(*arguments: Path | None) -> Pictures:
        pictures = await probe.make_pictures(arguments[0], bench.folder)  # type: ignore[arg-type]  # the film
        monkeypatch.undo()
        await bench.videos.delete(OWNER, video_id)
        assert await bench.clean_up() == 1
        assert files(bench) == []
        return pictures

    video_id = await completed(bench)
    monkeypatch.setattr(DRAW, overtaken)
    await bench.clean_up()
    assert files(bench) == []
    assert await bench.clean_up() == 0


async def test_a_film_of_which_no_pictures_can_be_drawn_stays_finished_and_is_tried_three_times(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[float] = []

    async def broken(*_arguments: object) -> Pictures:
        tries.append(bench.clock())
        raise MediaError("invalid_video", "The video could not be decoded.")

    monkeypatch.setattr(DRAW, broken)
    video_id = await completed(bench)
    for _ in range(5):
        await bench.clean_up()
        bench.clock.now += 60
    output = await output_of(bench, video_id)
    assert (output.state, output.cleanup, len(tries)) == ("completed", False, 3)
    assert (await bench.show(video_id)).row.status == "completed"
    assert files(bench) == ["video.mp4"]
    assert not list(bench.context.scratch.iterdir())


async def test_pictures_wait_for_a_store_that_fails(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_arguments: object) -> None:
        raise StoreFault("it answered 503")

    video_id = await completed(bench)
    monkeypatch.setattr(bench.store, "put_file", fail)
    for _ in range(5):
        with pytest.raises(StoreFault):
            await bench.clean_up()
        assert (await output_of(bench, video_id)).cleanup
        bench.clock.now += 60
    monkeypatch.undo()
    await bench.clean_up()
    assert files(bench) == ["spritesheet.jpg", "thumbnail.webp", "video.mp4"]
