"""Real videos made on the spot, and a web server that sends exactly the bytes it is told to."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

import av
import pytest
from av.stream import Disposition
from PIL import Image

from app.media.fetch import Fetcher
from app.media.network import NetworkPolicy
from tests.media.site import Site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from av.container import OutputContainer

_SAMPLES = 960  # per audio frame


class Film(Protocol):
    """Write a video (or only sound) and return its path; sizes in px, `sound` in seconds."""

    def __call__(
        self,
        name: str = "film.mp4",
        *,
        codec: str | None = "libx264",
        frames: int = 48,
        size: tuple[int, int] = (160, 96),
        sound: float = 0.0,
        options: dict[str, str] | None = None,
        black_until: int = 0,
    ) -> Path: ...


@pytest.fixture
def film(tmp_path: Path) -> Film:
    def make(
        name: str = "film.mp4",
        *,
        codec: str | None = "libx264",
        frames: int = 48,
        size: tuple[int, int] = (160, 96),
        sound: float = 0.0,
        options: dict[str, str] | None = None,
        black_until: int = 0,
    ) -> Path:
        target = tmp_path / name

        def write() -> None:
            with av.open(str(target), "w", options=options or {}) as container:
                # Both tracks exist before the first packet is written: that is when the header is.
                pictures = _picture_track(container, codec, size) if codec else None
                sounds = _sound_track(container) if sound else None
                if pictures:
                    _add_pictures(container, pictures, frames, black_until)
                if sounds:
                    _add_sound(container, sounds, sound)

        # SVT-AV1 makes the thread that calls it a real-time one where it may (root), before which every other process
        # waits, and so whatever that thread starts: it is one that ends here.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(write).result()
        return target

    return make


def _picture_track(container: OutputContainer, codec: str, size: tuple[int, int]) -> av.VideoStream:
    quickly = {"deadline": "realtime", "cpu-used": "8"} if codec.startswith("libvpx") else {}
    track = container.add_stream(codec, rate=24, options=quickly)
    assert isinstance(track, av.VideoStream)
    track.width, track.height = size
    track.pix_fmt = "yuv420p"
    return track


def _sound_track(container: OutputContainer) -> av.AudioStream:
    track = container.add_stream("libopus" if container.format.name == "webm" else "aac", rate=48_000, layout="mono")
    assert isinstance(track, av.AudioStream)
    return track


def _add_pictures(container: OutputContainer, track: av.VideoStream, frames: int, black_until: int) -> None:
    """Draw 24 frames a second: the left half blue, the right half redder with every frame."""
    width, height = track.width, track.height
    for number in range(frames):
        picture = Image.new("RGB", (width, height))
        if number >= black_until:
            picture.paste((0, 0, 200), (0, 0, width // 2, height))
            picture.paste((number * 255 // frames, 180, 0), (width // 2, 0, width, height))
        frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]
        frame.pts = number
        container.mux(track.encode(frame))
    container.mux(track.encode(None))


def _add_sound(container: OutputContainer, track: av.AudioStream, seconds: float) -> None:
    kind = "s16" if track.codec_context.name == "libopus" else "fltp"
    for start in range(0, round(seconds * 48_000), _SAMPLES):
        frame = av.AudioFrame(format=kind, layout="mono", samples=_SAMPLES)
        frame.sample_rate, frame.pts = 48_000, start
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(track.encode(frame))
    container.mux(track.encode(None))


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """Write sound with a cover, which MP4 keeps as a video track of one picture."""
    target, cover = tmp_path / "song.mp4", io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(cover, "JPEG")
    with av.open(str(target), "w") as container:
        sound = _sound_track(container)
        track = container.add_stream("mjpeg", rate=25)
        track.width, track.height, track.pix_fmt = 64, 64, "yuvj420p"
        track.disposition = Disposition.attached_pic
        container.start_encoding()
        packet = av.Packet(cover.getvalue())
        packet.stream, packet.pts, packet.dts, packet.time_base = track, 0, 0, Fraction(1, 25)
        container.mux(packet)
        _add_sound(container, sound, 1.0)
    return target


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """Write a video that no codec can make small."""
    target = tmp_path / "noise.mp4"
    with av.open(str(target), "w") as container:
        track = _picture_track(container, "mpeg4", (640, 640))
        track.bit_rate = 100_000_000
        for number in range(3):
            picture = Image.merge("RGB", [Image.effect_noise((640, 640), 120) for _ in range(3)])
            frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]
            frame.pts = number
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return target


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    await server.wait_closed()


@pytest.fixture
def fetcher() -> Fetcher:
    return Fetcher(NetworkPolicy.parse("127.0.0.1"))
