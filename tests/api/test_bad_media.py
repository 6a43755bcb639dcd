"""Input images and videos that are none, are too much, or must not be fetched."""

from __future__ import annotations

import base64
import io
import struct
import wave
import zlib
from typing import TYPE_CHECKING

import av
import pytest
from PIL import Image

from tests.api.refusals import check_refusal, file, nothing_left, post_parts, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.serving import Running

PROMPT = text("prompt", "a calm sea")
EDIT = "/v1/videos/edits"
A = "https://example.com/a"


@pytest.fixture(autouse=True)
def _nothing_left(gateway: Running) -> Iterator[None]:
    with nothing_left(gateway):
        yield


def png(width: int, height: int) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(target, "PNG")
    return target.getvalue()


def pixel_bomb() -> bytes:
    """Write a PNG of a few bytes that says it is 100,000 pixels a side."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def mp4(target: Path) -> bytes:
    with av.open(str(target), "w") as container:
        track = container.add_stream("libx264", rate=24)
        assert isinstance(track, av.VideoStream)
        track.width, track.height, track.pix_fmt = 160, 96, "yuv420p"
        for number in range(24):
            frame = av.VideoFrame.from_image(Image.new("RGB", (160, 96)))  # type: ignore[no-untyped-call]
            frame.pts = number
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return target.read_bytes()


def only_sound(target: Path) -> bytes:
    with av.open(str(target), "w", format="mp4") as container:
        track = container.add_stream("aac", rate=48_000, layout="mono")
        assert isinstance(track, av.AudioStream)
        for start in range(0, 9600, 960):
            frame = av.AudioFrame(format="fltp", layout="mono", samples=960)
            frame.sample_rate, frame.pts = 48_000, start
            frame.planes[0].update(bytes(frame.planes[0].buffer_size))
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return target.read_bytes()


def wav() -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(1600))
    return target.getvalue()


NO_MEDIA = {
    "text": b"just a text file\n" * 10,
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "html": b"<!DOCTYPE html><script>alert(1)</script>",
    "playlist": b"#EXTM3U\n#EXTINF:1,\nhttp://169.254.169.254/latest/meta-data\n",
    "concat": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "pdf": b"%PDF-1.7\n",
    "zip": b"PK\x03\x04" + bytes(100),
    "zeros": bytes(10_000),
    "sound": wav(),
    "half a png": png(64, 64)[:60],
    "png signature": b"\x89PNG\r\n\x1a\n",
    "jpeg signature": b"\xff\xd8\xff\xe0" + bytes(50),
    "mp4 signature": b"\x00\x00\x00\x18ftypisom" + bytes(100),
}


@pytest.mark.parametrize("kind", NO_MEDIA)
def test_what_is_no_image_is_refused_as_an_image(gateway: Running, kind: str) -> None:
    answer = post_parts(gateway, PROMPT, file("input_reference", NO_MEDIA[kind], "photo.png"))
    check_refusal(answer, 400, "invalid_image", "input_reference", "input_reference")


@pytest.mark.parametrize("kind", NO_MEDIA)
def test_what_is_no_video_is_refused_as_a_video(gateway: Running, kind: str) -> None:
    answer = post_parts(gateway, PROMPT, file("video", NO_MEDIA[kind], "clip.mp4"), path=EDIT)
    check_refusal(answer, 400, "invalid_video", "video", "video")


@pytest.mark.parametrize("kind", NO_MEDIA)
def test_what_is_neither_is_refused_as_a_file(gateway: Running, kind: str) -> None:
    answer = post_parts(gateway, file("file", NO_MEDIA[kind], "photo.png"), path="/v1/files")
    check_refusal(answer, 400, "invalid_value", "file", "image", "video")


@pytest.mark.parametrize("kind", ["text", "playlist", "mp4 signature"])
def test_what_is_no_video_makes_no_character(gateway: Running, kind: str) -> None:
    parts = text("name", "Nemo"), file("video", NO_MEDIA[kind], "clip.mp4")
    check_refusal(post_parts(gateway, *parts, path="/v1/videos/characters"), 400, "invalid_video", "video")


def test_a_pixel_bomb_is_refused(gateway: Running) -> None:
    answer = post_parts(gateway, PROMPT, file("input_reference", pixel_bomb()))
    check_refusal(answer, 400, "invalid_image", "input_reference", "megapixels")


@pytest.mark.parametrize("size", [(1, 1), (31, 400), (2000, 40)], ids=repr)
def test_an_image_of_no_use_is_refused(gateway: Running, size: tuple[int, int]) -> None:
    answer = post_parts(gateway, PROMPT, file("input_reference", png(*size)))
    check_refusal(answer, 400, "invalid_image", "input_reference")


def test_a_video_as_an_image_and_an_image_as_a_video_are_refused(gateway: Running, tmp_path: Path) -> None:
    clip = mp4(tmp_path / "clip.mp4")
    answer = post_parts(gateway, PROMPT, file("input_reference", clip, "photo.png"))
    check_refusal(answer, 400, "invalid_image", "input_reference")
    answer = post_parts(gateway, PROMPT, file("video", png(64, 64), "clip.mp4"), path=EDIT)
    check_refusal(answer, 400, "invalid_video", "video")


def test_a_video_without_pictures_is_refused(gateway: Running, tmp_path: Path) -> None:
    answer = post_parts(gateway, PROMPT, file("video", only_sound(tmp_path / "sound.mp4")), path=EDIT)
    check_refusal(answer, 400, "invalid_video", "video")


def test_too_many_images_name_the_limit(gateway: Running) -> None:
    parts = [file("reference_images[]", png(64, 64)) for _ in range(12)]
    check_refusal(post_parts(gateway, PROMPT, *parts), 400, "invalid_value", "reference_images", "at most")


@pytest.mark.parametrize(
    "uri",
    [
        "data:",
        "data:,",
        "data:image/png",
        "data:image/png;base64,",
        "data:image/png;base64,@@@@",
        "data:image/png;base64,iVBORw0",
        "data:image/png;base64,AAAA",
        "data:;base64,====",
        "data:text/html,<script>alert(1)</script>",
        "data:no type at all;base64,AAAA",
        "DATA:image/svg+xml,<svg/>",
        "data:image/png;base64,\ud7ff\uffff",
        "data:image/png;base64," + base64.b64encode(bytes(21 << 20)).decode(),
    ],
    ids=lambda uri: repr(uri[:40]),
)
@pytest.mark.parametrize("field", ["image_url", "input_video"])
def test_a_broken_data_uri_is_refused(gateway: Running, field: str, uri: str) -> None:
    if field == "input_video" and len(uri) > 1000:
        pytest.skip("a video may be as large as that; the body limit bounds it")
    answer = gateway.http.post("/v1/videos", json={"prompt": "x", field: uri})
    check_refusal(answer, 400, f"invalid_{'image' if field == 'image_url' else 'video'}", field)


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest/meta-data",
        "http://169.254.169.254/latest/meta-data",
        "https://localhost/x.png",
        "https://127.0.0.1/x.png",
        "https://127.1/x.png",
        "https://2130706433/x.png",
        "https://0x7f.0.0.1/x.png",
        "https://[::1]/x.png",
        "https://[::ffff:169.254.169.254]/x.png",
        "https://10.0.0.1/x.png",
        "https://metadata.google.internal/",
        "https://user:pass@example.com/x.png",
        "https://example.com:22/x.png",
        "https://",
        "https:///x.png",
        "https://[::1",
        "https://exa mple.com/x.png",
        "https://example.com:99999/x.png",
        "https://\u202e.com/x.png",
        "https://" + "a" * 5000 + ".com/",
        "https://..../",
    ],
    ids=lambda url: url[:50],
)
@pytest.mark.parametrize("shape", ["image_url", "input_reference", "reference_images", "input_video"])
def test_a_url_that_must_not_be_fetched_is_refused(gateway: Running, shape: str, url: str) -> None:
    value = {"input_reference": {"image_url": url}, "reference_images": [url]}.get(shape, url)
    answer = gateway.http.post("/v1/videos", json={"prompt": "x", shape: value})
    error = answer.json()["error"]
    kind = "invalid_video" if shape == "input_video" else "invalid_image"
    assert error["code"] in ("url_not_allowed", kind)
    check_refusal(answer, 400, error["code"], shape, shape)


@pytest.mark.parametrize(
    "value",
    [
        "file:///etc/passwd",
        "ftp://example.com/x.png",
        "gopher://127.0.0.1:6379/_INFO",
        "javascript:alert(1)",
        "//example.com/x.png",
        "/etc/passwd",
        "video_0123",
        " https://example.com/x.png",
        5,
        True,
        {},
        {"foo": "bar"},
        {"image_url": {}},
        {"image_url": {"image_url": 5}},
        {"image_url": "https://example.com/a.png", "file_id": "file_1"},
        {"file_id": 5},
        [5],
        [[]],
        [None],
    ],
    ids=repr,
)
def test_what_names_no_source_is_refused(gateway: Running, value: object) -> None:
    answer = gateway.http.post("/v1/videos", json={"prompt": "x", "input_reference": value})
    error = answer.json()["error"]
    assert error["code"] in ("invalid_value", "conflicting_parameters")
    assert error["param"].startswith("input_reference")
    check_refusal(answer, 400, error["code"], error["param"], "input_reference")


def test_a_source_nested_a_thousand_times_is_refused(gateway: Running) -> None:
    value: object = "https://example.com/x.png"
    for _ in range(60):
        value = {"image_url": value}
    answer = gateway.http.post("/v1/videos", json={"prompt": "x", "image": value})
    assert answer.status_code == 400
    check_refusal(answer, 400, answer.json()["error"]["code"], answer.json()["error"]["param"])


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input_reference": A, "image_url": A}, "image_url"),
        ({"image_url": A, "reference_images": [A]}, "reference_images"),
        ({"image_url": A, "video": A}, "video"),
        ({"input_video": A, "video_url": A}, "video_url"),
        ({"video": A, "characters": [{"id": "char_1"}]}, "video"),
    ],
    ids=repr,
)
def test_inputs_that_contradict_each_other_are_refused(gateway: Running, fields: dict[str, object], param: str) -> None:
    check_refusal(gateway.http.post("/v1/videos", json={"prompt": "x", **fields}), 400, "conflicting_parameters", param)


@pytest.mark.parametrize("path", [EDIT, "/v1/videos/extensions"])
def test_an_edit_or_extension_needs_a_video_and_takes_no_image(gateway: Running, path: str) -> None:
    answer = gateway.http.post(path, json={"prompt": "x"})
    check_refusal(answer, 400, "missing_required_parameter", "video", "video")
    answer = gateway.http.post(path, json={"prompt": "x", "image_url": "https://example.com/a"})
    check_refusal(answer, 400, "conflicting_parameters", "image_url")


@pytest.mark.parametrize("index", [-1, 10, 99, "x", 1.5, True, [], 10**30], ids=repr)
def test_an_output_index_is_a_whole_number_from_0_to_9(gateway: Running, index: object) -> None:
    answer = gateway.http.post(EDIT, json={"prompt": "x", "video": {"id": "video_1", "index": index}})
    check_refusal(answer, 400, "invalid_value", "video.index", "0 to 9")
