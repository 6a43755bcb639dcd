"""A film of any size that is made while it is sent: real H.264, every picture padded as encoders pad to keep a rate."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from collections.abc import Callable

_FPS = 25
_LEAST, _MOST = 6 * _FPS, 590 * _FPS  # pictures; what is longer than ten minutes is refused
_PICTURE = 700_000  # bytes of one, where that makes enough of them: 140 Mbit/s, a master rather than a stream
_GROUP = 25  # pictures that are really encoded; the film repeats them
# Movie fragments (ISO/IEC 14496-12, 8.8) need no look ahead and no seeking back: the muxer can write to a socket.
_OPTIONS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


@dataclass
class Sink:
    """Takes the file from the muxer piece by piece, and remembers what went through."""

    send: Callable[[bytes], object]
    size: int = 0
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def write(self, data: bytes) -> int:
        """Pass a piece on."""
        piece = bytes(data)
        self.size += len(piece)
        self.digest.update(piece)
        self.send(piece)
        return len(piece)


def send_film(size: int, sink: Sink) -> None:
    """Write an MP4 of about `size` bytes into the sink, at most a group of pictures of it in memory."""
    count = max(_LEAST, min(_MOST, size // _PICTURE))
    filler = b"\x00\x00\x00\x01\x0c" + b"\xff" * (size // count) + b"\x80"  # a NAL unit of type 12 (H.264, 7.4.2.7)
    with av.open(sink, "w", format="mp4", options=_OPTIONS) as container:
        track = container.add_stream("libx264", rate=_FPS, options={"preset": "ultrafast", "crf": "30"})
        track.width, track.height, track.pix_fmt = 1280, 720, "yuv420p"
        group = _pictures(track)
        for number in range(count):
            packet = av.Packet(group[number % _GROUP] + filler)
            packet.stream, packet.time_base, packet.duration = track, Fraction(1, _FPS), 1
            packet.pts = packet.dts = number
            packet.is_keyframe = number % _GROUP == 0
            container.mux(packet)


def _pictures(track: av.VideoStream) -> list[bytes]:
    picture = av.VideoFrame(track.width, track.height, "yuv420p")
    packets = []
    for number in range(_GROUP):
        for plane in picture.planes:
            plane.update(bytes(range(256)) * (plane.buffer_size // 256) + bytes(plane.buffer_size % 256))
        picture.pts, picture.time_base = number, Fraction(1, _FPS)
        packets += track.encode(picture)
    return [bytes(packet) for packet in [*packets, *track.encode()]]
