"""The work of the media children, called in this process: their other tests see it only from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from app.child import ChildError
from app.media import image_child, pictures_child, video_child

if TYPE_CHECKING:
    from pathlib import Path

    from app.domain.plain import Json
    from tests.media.conftest import Film


@pytest.fixture(autouse=True)
def _without_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lift the limits: they would stay on the process that runs the tests."""
    for module in (image_child, pictures_child, video_child):
        monkeypatch.setattr(module, "limit_resources", lambda *_seconds: None)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)


def ignore(_message: dict[str, Json]) -> None:
    """Take no interest in messages."""


@pytest.mark.parametrize(("kind", "content_type"), [("PNG", "image/png"), ("WEBP", "image/webp"), ("GIF", "image/gif")])
def test_an_image_is_described(tmp_path: Path, kind: str, content_type: str) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "file", kind)
    facts = image_child.inspect({"path": str(tmp_path / "file")}, ignore)
    assert facts == {"content_type": content_type, "width": 64, "height": 48}


def test_a_turned_image_has_its_sides_swapped(tmp_path: Path) -> None:
    image = Image.new("RGB", (64, 48))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "file", "JPEG", exif=exif)
    facts = image_child.inspect({"path": str(tmp_path / "file")}, ignore)
    assert (facts["width"], facts["height"]) == (48, 64)


@pytest.mark.parametrize(("size", "words"), [((8, 64), "each side"), ((2000, 40), "times the short one")])
def test_an_odd_shape_is_refused(tmp_path: Path, size: tuple[int, int], words: str) -> None:
    Image.new("RGB", size).save(tmp_path / "file", "PNG")
    with pytest.raises(ChildError, match=words):
        image_child.inspect({"path": str(tmp_path / "file")}, ignore)


def test_a_pixel_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    Image.new("1", (9000, 9000)).save(tmp_path / "file", "PNG")
    with pytest.raises(ChildError, match="50 megapixels"):
        image_child.inspect({"path": str(tmp_path / "file")}, ignore)


@pytest.mark.parametrize(("data", "words"), [(b"hello", "not an image"), (b"", "not an image")])
def test_what_is_no_image_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(ChildError, match=words):
        image_child.inspect({"path": str(tmp_path / "file")}, ignore)


def test_a_cut_off_image_is_refused(tmp_path: Path) -> None:
    Image.effect_noise((200, 200), 80).save(tmp_path / "file", "PNG")
    whole = (tmp_path / "file").read_bytes()
    (tmp_path / "file").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ChildError, match="damaged or cut off"):
        image_child.inspect({"path": str(tmp_path / "file")}, ignore)


@pytest.mark.parametrize("name", ["film.mp4", "film.webm"])
def test_a_video_is_described_and_drawn(tmp_path: Path, film: Film, name: str) -> None:
    path = film(name, codec="libvpx" if name.endswith("webm") else "libx264", sound=1.0, black_until=4)
    facts = video_child.inspect({"path": str(path)}, ignore)
    assert (facts["width"], facts["height"], facts["num_frames"], facts["has_audio"]) == (160, 96, 48, True)
    drawn = pictures_child.draw(
        {"path": str(path), "thumbnail": str(tmp_path / "t.webp"), "spritesheet": str(tmp_path / "s.jpg")}, ignore
    )
    assert drawn == facts
    with Image.open(tmp_path / "t.webp") as thumbnail, Image.open(tmp_path / "s.jpg") as sheet:
        assert (thumbnail.size, sheet.size) == ((160, 96), (640, 384))


def test_one_frame_is_written_full_size(tmp_path: Path, film: Film) -> None:
    pictures_child.draw({"path": str(film()), "frame": str(tmp_path / "f.png")}, ignore)
    with Image.open(tmp_path / "f.png") as frame:
        assert frame.size == (160, 96)


def test_sound_alone_and_cut_off_files_are_refused(film: Film) -> None:
    with pytest.raises(ChildError, match="no video track"):
        video_child.inspect({"path": str(film("sound.mp4", codec=None, sound=1.0))}, ignore)
    path = film("cut.mp4", sound=2.0)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ChildError):
        video_child.inspect({"path": str(path)}, ignore)


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"#EXTM3U\nhttp://127.0.0.1/a.ts")
    with pytest.raises(ChildError):
        video_child.inspect({"path": str(tmp_path / "file")}, ignore)
