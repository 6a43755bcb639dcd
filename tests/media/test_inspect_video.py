"""What counts as a video, on real files and on hostile ones."""

from __future__ import annotations

import asyncio
import os
import struct
from typing import TYPE_CHECKING

import av
import pytest
from PIL import Image

from app.media.errors import MediaError
from app.media.probe import grab_frame, inspect_video, make_pictures
from app.media.sniff import video_container

if TYPE_CHECKING:
    from pathlib import Path

    from tests.media.conftest import Film

FAST_START = {"movflags": "faststart"}
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov"}


async def refusal(path: Path) -> str:
    with pytest.raises(MediaError) as caught:
        await inspect_video(path)
    assert caught.value.code == "invalid_video"
    assert str(path.parent) not in caught.value.message
    return caught.value.message


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def patched(path: Path, box: bytes, offset: int, data: bytes) -> Path:
    """Overwrite `data` in the body of the first MP4 box of that name."""
    content = bytearray(path.read_bytes())
    start = content.index(box) + 4 + offset
    content[start : start + len(data)] = data
    return write(path, bytes(content))


@pytest.mark.parametrize(
    ("name", "codec", "content_type"),
    [
        ("a.mp4", "libx264", "video/mp4"),
        ("a.mp4", "mpeg4", "video/mp4"),
        ("a.mp4", "libsvtav1", "video/mp4"),
        ("a.mov", "libx264", "video/quicktime"),
        ("a.webm", "libvpx", "video/webm"),
        ("a.webm", "libvpx-vp9", "video/webm"),
    ],
)
async def test_the_bytes_decide_the_type_and_the_name_does_not(
    film: Film, tmp_path: Path, name: str, codec: str, content_type: str
) -> None:
    facts = await inspect_video(film(name, codec=codec).rename(tmp_path / "picture.png"))
    assert facts.content_type == content_type
    assert (facts.width, facts.height, facts.num_frames, facts.fps) == (160, 96, 48, 24)
    assert facts.duration == pytest.approx(2, abs=0.002)
    assert not facts.has_audio
    assert facts.size_bytes == len((tmp_path / "picture.png").read_bytes())
    assert os.sched_getscheduler(0) == os.SCHED_OTHER, "this process is a real-time one now"


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", None),
        ("a.mp4", "libx264", FAST_START),
        ("a.mp4", "libx264", FRAGMENTED),
        ("a.mov", "libx264", None),
        ("a.webm", "libvpx", None),
    ],
)
@pytest.mark.parametrize("sound", [0, 5.0, 7.0])
async def test_the_duration_is_that_of_the_pictures_and_not_of_the_sound(
    film: Film, name: str, codec: str, options: dict[str, str] | None, sound: float
) -> None:
    facts = await inspect_video(film(name, codec=codec, frames=145, sound=sound, options=options))
    assert facts.duration == pytest.approx(6.041667, abs=1e-6 if name != "a.webm" else 1e-3)
    assert (facts.num_frames, facts.fps) == (145, 24)
    assert facts.has_audio == bool(sound)


async def test_a_webm_written_live_without_a_duration_is_measured(film: Film) -> None:
    facts = await inspect_video(film("a.webm", codec="libvpx", options={"live": "1"}))
    assert facts.num_frames == 48
    assert facts.duration == pytest.approx(2, abs=0.01)


async def test_a_phone_video_that_asks_to_be_turned_has_its_sides_swapped(film: Film, tmp_path: Path) -> None:
    turn = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 96 << 16, 0, 1 << 30)
    clip = patched(film(), b"tkhd", 36 + 4, turn)
    facts = await inspect_video(clip)
    assert (facts.width, facts.height) == (96, 160)
    await grab_frame(clip, tmp_path / "frame.png")
    with Image.open(tmp_path / "frame.png") as frame:
        assert frame.size == (96, 160)
        pixel = frame.getpixel((48, 20))
    assert isinstance(pixel, tuple)
    assert pixel[2] > 150 > pixel[0], "the blue left half is on top after a quarter turn clockwise"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        b"<html><video src='file:///etc/passwd'></video></html>",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:1/x.ts\n",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'></MPD>",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n",
        b"RIFF\x24\x00\x00\x00AVI LIST",
        b"FLV\x01\x05\x00\x00\x00\x09",
        b"\x47" + bytes(187),
        b"OggS" + bytes(60),
        b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska" + bytes(60),
        b"\x00\x00\x00\x1cftypavif" + bytes(60),
        b"\x00\x00\x00\x1cftypheic" + bytes(60),
    ],
)
async def test_what_is_not_one_of_the_containers_never_reaches_a_demuxer(tmp_path: Path, data: bytes) -> None:
    assert video_container(data) is None
    assert "MP4, MOV and WebM are accepted" in await refusal(write(tmp_path / "a.mp4", data))


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00\x00\x18ftypisom" + bytes(12),
        b"\x00\x00\x00\x18ftypisom" + b"\xff" * 5000,
        b"\x00\x00\x00\x08moov",
        b"\xff\xff\xff\xffmoov" + bytes(2000),
        b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm",
        b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm" + b"\xff" * 5000,
        b"\x00\x00\x00\x18ftypisom" + bytes(12) + b"#EXTM3U\nfile:///etc/passwd\n",
    ],
)
async def test_a_right_beginning_with_nothing_sound_behind_it_is_refused(tmp_path: Path, data: bytes) -> None:
    await refusal(write(tmp_path / "a.mp4", data))


async def test_a_picture_is_not_a_video(tmp_path: Path) -> None:
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "AVIF"):
        await asyncio.to_thread(Image.new("RGB", (64, 64)).save, tmp_path / "a.mp4", kind)
        assert "accepted" in await refusal(tmp_path / "a.mp4")


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.webm"])
async def test_sound_alone_is_not_a_video(film: Film, name: str) -> None:
    assert "no video track" in await refusal(film(name, codec=None, sound=1))


async def test_a_codec_that_is_not_accepted_is_named(film: Film) -> None:
    assert "coded as mpeg2video; H.264" in await refusal(film("a.mov", codec="mpeg2video"))


async def test_a_codec_that_ffmpeg_does_not_know_is_refused(film: Film) -> None:
    assert "something unknown" in await refusal(patched(film(), b"stsd", 12, b"zzzz"))


async def test_a_song_with_a_cover_picture_is_not_a_video(song: Path) -> None:
    assert "no video track" in await refusal(song)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", None),
        ("a.mp4", "libx264", FAST_START),
        ("a.mov", "libx264", FAST_START),
        ("a.webm", "libvpx", None),
    ],
)
@pytest.mark.parametrize("share", [0.01, 0.1, 0.4, 0.7])
async def test_a_video_that_is_cut_off_is_refused(
    film: Film, name: str, codec: str, options: dict[str, str] | None, share: float
) -> None:
    clip = film(name, codec=codec, options=options, frames=96)
    data = clip.read_bytes()
    await refusal(write(clip, data[: int(len(data) * share)]))


async def test_a_video_cut_exactly_between_two_frames_is_refused(film: Film) -> None:
    clip = film("a.mp4", codec="mpeg4", options=FAST_START)
    data = clip.read_bytes()
    table = data.index(b"stsz") + 4 + 12
    sizes = struct.unpack(">48I", data[table : table + 48 * 4])
    start = data.index(b"mdat") + 4
    assert "cut off" in await refusal(write(clip, data[: start + sum(sizes[:20])]))


async def test_pictures_overwritten_with_noise_are_refused(film: Film) -> None:
    clip = film("a.mp4", options=FAST_START)
    data = clip.read_bytes()
    start = data.index(b"mdat") + 4
    noise = bytes(number * 7919 % 251 for number in range(len(data) - start))
    assert "decoded" in await refusal(write(clip, data[:start] + noise))


async def test_a_single_picture_lasts_as_long_as_its_frame_rate_says(film: Film) -> None:
    clip = film(frames=1)
    facts = await inspect_video(clip)
    assert facts.duration == pytest.approx(1 / 24, abs=1e-6)


async def test_a_video_longer_than_ten_minutes_is_refused(film: Film) -> None:
    clip = patched(film(), b"mdhd", 12, struct.pack(">I", 24))  # the time base: a second now lasts 512
    patched(clip, b"elst", -4, b"free")  # the edit list, which says 2 s
    assert "600 s" in await refusal(clip)


async def test_a_video_wider_than_4096_px_is_refused(film: Film) -> None:
    assert "4096 px" in await refusal(film(frames=2, size=(4128, 32)))


async def test_a_track_that_lies_in_another_file_is_not_followed(film: Film, tmp_path: Path) -> None:
    secret = film("secret.mov", options=FAST_START)
    trap = write(tmp_path / "a.mov", pointing_elsewhere(secret.read_bytes(), str(secret).encode()))
    follow = {"enable_drefs": "1", "use_absolute_path": "1"}
    with av.open(str(trap), format="mov", options=follow) as container:
        assert next(container.decode(video=0)).width == 160, "ffmpeg would follow if it were allowed to"
    await refusal(trap)


def pointing_elsewhere(data: bytes, path: bytes) -> bytes:
    """Blank the frames of a MOV file and name the file at `path` as the place where they are."""
    volume_and_name = bytes(150)
    alias = b"alis" + bytes(4) + volume_and_name + struct.pack(">HH", 2, len(path)) + path + bytes(len(path) % 2)
    entry = struct.pack(">I", len(alias) + 8) + alias + b"\xff\xff\0\0"
    at = data.index(b"dref") + 12
    old = int.from_bytes(data[at : at + 4], "big")
    changed = data[:at] + entry + data[at + old :]
    for box in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        place = changed.rindex(box, 0, at) - 4
        size = int.from_bytes(changed[place : place + 4], "big") + len(entry) - old
        changed = changed[:place] + struct.pack(">I", size) + changed[place + 4 :]
    frames = changed.index(b"mdat") + 4
    return changed[:frames] + bytes(len(changed) - frames)


async def test_hostile_files_leave_nothing_behind_in_their_folder(film: Film, tmp_path: Path) -> None:
    clip = film()
    data = clip.read_bytes()
    await refusal(write(clip, data[: len(data) // 2]))
    with pytest.raises(MediaError):
        await make_pictures(clip, tmp_path)
    with pytest.raises(MediaError):
        await grab_frame(clip, tmp_path / "frame.png")
    assert [path.name for path in _inside(tmp_path)] == ["film.mp4"]


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())
