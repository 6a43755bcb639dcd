"""The thumbnail, the sprite sheet and the representative frame of a video."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from app.media.errors import MediaError
from app.media.probe import grab_frame, inspect_video, make_pictures

if TYPE_CHECKING:
    from pathlib import Path

    from tests.media.conftest import Film

CLIPS = [
    ("a.mp4", "libx264", None),
    ("a.mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
    ("a.mov", "mpeg4", None),
    ("a.webm", "libvpx", None),
]


def colour(picture: Image.Image, across: float, down: float) -> tuple[float, ...]:
    """Give the colour at a point, 0 to 1 from the left and from the top."""
    pixel = picture.convert("RGB").getpixel((int(picture.width * across), int(picture.height * down)))
    assert isinstance(pixel, tuple)
    return pixel


@pytest.mark.parametrize(("name", "codec", "options"), CLIPS)
async def test_the_sprite_sheet_shows_sixteen_moments_in_order(
    film: Film, tmp_path: Path, name: str, codec: str, options: dict[str, str] | None
) -> None:
    pictures = await make_pictures(film(name, codec=codec, options=options, frames=96), tmp_path)
    with Image.open(pictures.spritesheet) as sheet:
        assert (sheet.format, sheet.size) == ("JPEG", (4 * 160, 4 * 96))
        reds = [colour(sheet, (column + 0.75) / 4, (row + 0.5) / 4)[0] for row in range(4) for column in range(4)]
    # The right half goes from 0 to 255 over the film; the cells show the middle of each sixteenth.
    assert reds == pytest.approx([255 * (cell + 0.5) / 16 for cell in range(16)], abs=14)


@pytest.mark.parametrize(("name", "codec", "options"), CLIPS)
async def test_the_thumbnail_is_a_small_webp_from_a_third_of_the_way_in(
    film: Film, tmp_path: Path, name: str, codec: str, options: dict[str, str] | None
) -> None:
    pictures = await make_pictures(film(name, codec=codec, options=options, frames=96), tmp_path)
    with Image.open(pictures.thumbnail) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("WEBP", (160, 96))
        assert colour(thumbnail, 0.75, 0.5)[0] == pytest.approx(255 / 3, abs=16)


async def test_large_films_give_small_pictures(film: Film, tmp_path: Path) -> None:
    pictures = await make_pictures(film(size=(1280, 720), frames=24), tmp_path)
    with Image.open(pictures.thumbnail) as thumbnail, Image.open(pictures.spritesheet) as sheet:
        assert thumbnail.size == (640, 360)
        assert sheet.size == (1280, 720)
    assert pictures.thumbnail.stat().st_size <= 60_000


async def test_a_thumbnail_of_noise_stays_under_sixty_kilobytes(noise: Path, tmp_path: Path) -> None:
    assert (await make_pictures(noise, tmp_path)).thumbnail.stat().st_size <= 60_000


async def test_a_thumbnail_passes_over_black_frames(film: Film, tmp_path: Path) -> None:
    pictures = await make_pictures(film(frames=48, black_until=24), tmp_path)
    with Image.open(pictures.thumbnail) as thumbnail:
        assert max(colour(thumbnail, 0.75, 0.5)) > 100


@pytest.mark.parametrize("frames", [1, 2, 5])
async def test_a_film_of_few_frames_repeats_them(film: Film, tmp_path: Path, frames: int) -> None:
    pictures = await make_pictures(film(frames=frames), tmp_path)
    with Image.open(pictures.spritesheet) as sheet:
        assert sheet.size == (640, 384)


async def test_the_facts_that_come_with_the_pictures_are_those_of_an_inspection(film: Film, tmp_path: Path) -> None:
    clip = film(sound=1)
    assert (await make_pictures(clip, tmp_path)).facts == await inspect_video(clip)


async def test_the_grabbed_frame_has_full_size_and_is_from_a_third_of_the_way_in(film: Film, tmp_path: Path) -> None:
    await grab_frame(film(frames=96, size=(1280, 720)), tmp_path / "frame.png")
    with Image.open(tmp_path / "frame.png") as frame:
        assert (frame.format, frame.size) == ("PNG", (1280, 720))
        assert colour(frame, 0.75, 0.5)[0] == pytest.approx(255 / 3, abs=10)


async def test_what_is_not_a_video_gives_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"text")
    with pytest.raises(MediaError, match="not a video"):
        await make_pictures(tmp_path / "a.mp4", tmp_path)
    with pytest.raises(MediaError, match="not a video"):
        await grab_frame(tmp_path / "a.mp4", tmp_path / "frame.png")
