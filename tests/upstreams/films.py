"""Small real MP4 files of the right size, frame rate and length: what fake upstreams deliver.

All films of one size are the same pixels; `film(…, mark=request_id)` appends an MP4 `free` box (ISO/IEC 14496-12
§8.1.2) with the mark, so that every job's bytes differ and a mix-up shows. They are grey, for that is quick; a `Look`
makes them worth watching.
"""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from tests.upstreams.looks import Look

_RATE = 48_000
_SAMPLES = 1024  # per AAC frame
_GREY = 110
_GROUP = 24  # pictures that are really encoded; the film repeats them, which is much cheaper


def frame(resolution: str, ratio: str) -> tuple[int, int]:
    """Return the frame of "480p" (the short side) at "16:9", in steps of 8: 848x480, as xai.md section 3.1 has it.

    "4k" is 2160p.
    """
    short = 2160 if resolution == "4k" else int(resolution.rstrip("pP"))
    across, down = (float(part) for part in ratio.split(":"))
    long = int(short * max(across, down) / min(across, down)) // 8 * 8
    return (long, short) if across >= down else (short, long)


def film(width: int, height: int, frames: int, fps: int = 24, mark: str = "", look: Look | None = None) -> bytes:
    """Return an MP4 with H.264 pictures and silent AAC sound; 6 s at 24 fps are 145 frames, as fal delivers."""
    data = _render(width, height, frames, fps, look)
    if not mark:
        return data
    return data + struct.pack(">I4s", 8 + len(mark.encode()), b"free") + mark.encode()


@lru_cache(maxsize=64)
def _render(width: int, height: int, frames: int, fps: int, look: Look | None) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        pictures = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "40"})
        pictures.width, pictures.height, pictures.pix_fmt = width, height, "yuv420p"
        sounds = container.add_stream("aac", rate=_RATE, layout="mono")
        group = _group(pictures, fps, look)
        for number in range(frames):
            packet = av.Packet(group[number % _GROUP])
            packet.stream, packet.time_base, packet.duration = pictures, Fraction(1, fps), 1
            packet.pts = packet.dts = number
            packet.is_keyframe = number % _GROUP == 0
            container.mux(packet)
        silence = av.AudioFrame(format="fltp", layout="mono", samples=_SAMPLES)
        silence.planes[0].update(bytes(silence.planes[0].buffer_size))
        silence.sample_rate, silence.time_base = _RATE, Fraction(1, _RATE)
        for number in range(frames * _RATE // fps // _SAMPLES):
            silence.pts = number * _SAMPLES
            container.mux(sounds.encode(silence))
        container.mux(sounds.encode())
    return file.getvalue()


def _group(pictures: av.VideoStream, fps: int, look: Look | None) -> list[bytes]:
    picture = av.VideoFrame(pictures.width, pictures.height, "yuv420p")
    for plane in picture.planes:
        plane.update(bytes([_GREY]) * plane.buffer_size)
    packets = []
    for number in range(_GROUP):
        if look:
            picture = look.draw(pictures.width, pictures.height, number / _GROUP)
        picture.pts, picture.time_base = number, Fraction(1, fps)
        packets += pictures.encode(picture)
    return [bytes(packet) for packet in [*packets, *pictures.encode()]]
