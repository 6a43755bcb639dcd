"""What counts as an image, on real files and on hostile ones."""

from __future__ import annotations

import asyncio
import io
import struct
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from app.child import ChildError
from app.media import probe
from app.media.errors import MediaError
from app.media.probe import ImageFacts, inspect_image

if TYPE_CHECKING:
    from pathlib import Path


def picture(kind: str, width: int = 64, height: int = 48, **options: object) -> bytes:
    out = io.BytesIO()
    noise = Image.effect_noise((width, height), 60)
    noise.convert("P" if kind == "GIF" else "RGB").save(out, kind, **options)
    return out.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


async def refusal(path: Path, data: bytes) -> str:
    await asyncio.to_thread(path.write_bytes, data)
    with pytest.raises(MediaError) as caught:
        await inspect_image(path)
    assert caught.value.code == "invalid_image"
    assert str(path.parent) not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("WEBP", "image/webp"),
        ("GIF", "image/gif"),
        ("AVIF", "image/avif"),
    ],
)
async def test_the_bytes_decide_the_type_and_the_name_does_not(tmp_path: Path, kind: str, content_type: str) -> None:
    (tmp_path / "video.mp4").write_bytes(picture(kind))
    assert await inspect_image(tmp_path / "video.mp4") == ImageFacts(content_type, 64, 48)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "AVIF", "PNG"])
async def test_an_animation_is_judged_by_its_first_frame(tmp_path: Path, kind: str) -> None:
    more = [Image.effect_noise((64, 48), 60).convert("RGB") for _ in range(3)]
    (tmp_path / "a").write_bytes(picture(kind, save_all=True, append_images=more))
    facts = await inspect_image(tmp_path / "a")
    assert (facts.width, facts.height) == (64, 48)


async def test_a_jpeg_with_a_second_picture_behind_it_is_a_jpeg(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(picture("MPO", save_all=True, append_images=[Image.new("RGB", (64, 48))]))
    assert (await inspect_image(tmp_path / "a")).content_type == "image/jpeg"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize(("orientation", "size"), [(1, (64, 48)), (3, (64, 48)), (6, (48, 64)), (8, (48, 64))])
async def test_a_rotation_in_the_metadata_swaps_the_sides(
    tmp_path: Path, kind: str, orientation: int, size: tuple[int, int]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "a").write_bytes(picture(kind, exif=exif))
    facts = await inspect_image(tmp_path / "a")
    assert (facts.width, facts.height) == size


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
async def test_unusual_colour_modes_are_accepted(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (64, 48)).save(tmp_path / "a", "PNG")
    assert (await inspect_image(tmp_path / "a")).width == 64


async def test_a_cmyk_jpeg_is_accepted(tmp_path: Path) -> None:
    Image.new("CMYK", (64, 48)).save(tmp_path / "a", "JPEG")
    assert (await inspect_image(tmp_path / "a")).content_type == "image/jpeg"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"just text",
        b"<!doctype html><html><body><img src='x'></body></html>",
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n(/etc/passwd) (r) file\n",
        b"%PDF-1.7\n",
        b"PK\x03\x04" + bytes(100),
        b"#EXTM3U\nfile:///etc/passwd\n",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"GIF89a",
        b"RIFF\x00\x00\x00\x00WEBPVP8 ",
    ],
)
async def test_what_is_not_an_image_is_refused_with_the_formats_that_are(tmp_path: Path, data: bytes) -> None:
    assert "image" in await refusal(tmp_path / "a.png", data)


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "PPM", "ICO", "TGA", "PCX"])
async def test_other_image_formats_are_refused(tmp_path: Path, kind: str) -> None:
    assert "PNG, JPEG, WebP, GIF and AVIF" in await refusal(tmp_path / "a.png", picture(kind))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "AVIF"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
async def test_a_truncated_image_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    data = picture(kind, 200, 150)
    await refusal(tmp_path / "a", data[: int(len(data) * share)])


async def test_a_png_whose_pixels_are_damaged_is_refused(tmp_path: Path) -> None:
    data = bytearray(picture("PNG", 200, 150))
    data[len(data) // 2] ^= 0xFF
    assert "damaged" in await refusal(tmp_path / "a", bytes(data))


@pytest.mark.parametrize("size", [(7072, 7072), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
async def test_a_pixel_bomb_is_refused_by_its_header(tmp_path: Path, size: tuple[int, int]) -> None:
    await refusal(tmp_path / "a", png_that_claims(*size))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "GIF"])
async def test_a_small_file_of_more_than_fifty_megapixels_is_refused(tmp_path: Path, kind: str) -> None:
    out = io.BytesIO()
    quickly = {"WEBP": {"method": 0}, "AVIF": {"speed": 10}}.get(kind, {})
    Image.new("L", (8000, 6300)).save(out, kind, **quickly)
    assert "50 megapixels" in await refusal(tmp_path / "a", out.getvalue())


async def test_fifty_megapixels_are_accepted(tmp_path: Path) -> None:
    Image.new("RGBA", (10_000, 5000)).save(tmp_path / "a", "PNG", compress_level=1)
    assert await inspect_image(tmp_path / "a") == ImageFacts("image/png", 10_000, 5000)


@pytest.mark.parametrize(
    ("width", "height", "word"),
    [(1, 1, "32 px"), (31, 400, "32 px"), (400, 31, "32 px"), (641, 32, "20 times"), (32, 641, "20 times")],
)
async def test_tiny_and_needle_shaped_images_are_refused_with_the_limit(
    tmp_path: Path, width: int, height: int, word: str
) -> None:
    message = await refusal(tmp_path / "a", picture("PNG", width, height))
    assert word in message
    assert f"{width}x{height}" in message


@pytest.mark.parametrize(("width", "height"), [(32, 32), (640, 32), (32, 640)])
async def test_the_smallest_and_the_narrowest_are_accepted(tmp_path: Path, width: int, height: int) -> None:
    (tmp_path / "a").write_bytes(picture("PNG", width, height))
    assert (await inspect_image(tmp_path / "a")).width == width


async def test_a_webp_canvas_larger_than_the_memory_limit_is_refused(tmp_path: Path) -> None:
    side = (16_384 - 1).to_bytes(3, "little")
    canvas = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + side + side
    animation = b"ANIM" + struct.pack("<I", 6) + bytes(6)
    frame = picture("WEBP")[12:]
    place = bytes(6) + (63).to_bytes(3, "little") + (47).to_bytes(3, "little") + bytes(4)
    body = b"WEBP" + canvas + animation + b"ANMF" + struct.pack("<I", len(place + frame)) + place + frame
    await refusal(tmp_path / "a", b"RIFF" + struct.pack("<I", len(body)) + body)


async def test_megabytes_of_compressed_text_are_refused(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(50 << 20))
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(bomb) + 5) + b"zTXt" + b"key\x00\x00" + bomb
    await refusal(tmp_path / "a", data + struct.pack(">I", 0))


async def test_an_image_that_takes_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(picture("PNG"))
    monkeypatch.setattr(probe, "_WALL_SECONDS", 0.001)
    with pytest.raises(MediaError, match="takes too long"):
        await inspect_image(tmp_path / "a")


async def test_a_child_that_crashes_is_a_refusal_without_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(*_arguments: object, **_options: object) -> None:
        raise ChildError("crashed", "the process ended in /srv/secret (exit status -11)")

    monkeypatch.setattr("app.children.run", run)
    assert "secret" not in await refusal(tmp_path / "a", b"")


def test_the_limits_hold_in_the_process_that_sets_them() -> None:
    program = "from app.media.limits import limit_resources as f; f(); bytearray(2 << 30)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert b"MemoryError" in done.stderr


def test_several_event_loops_can_inspect_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(picture("PNG"))

    async def many() -> list[ImageFacts]:
        return await asyncio.gather(*(inspect_image(tmp_path / "a") for _ in range(6)))

    for _ in range(2):
        assert asyncio.run(many()) == [ImageFacts("image/png", 64, 48)] * 6


async def test_at_most_two_children_run_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = most = 0

    async def run(*_arguments: object, **_options: object) -> dict[str, object]:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        return {"content_type": "image/png", "width": 64, "height": 48}

    monkeypatch.setattr("app.children.run", run)
    await asyncio.gather(*(inspect_image(tmp_path / "a") for _ in range(9)))
    assert most == 2
