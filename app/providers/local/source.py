"""Read the video an edit or an extension starts from: its frames at 24 a second, and its sound."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import av
import numpy as np

from app.child import ChildError
from app.providers.local.canvas import planes_of
from app.providers.local.video import FPS, SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.container import InputContainer

    from app.providers.local.canvas import Bytes, Floats

_LONGEST = 600  # seconds
# A playlist would make the decoder open other files and addresses; only self-contained formats are read.
_OPTIONS = {"format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm", "protocol_whitelist": "file"}
_UNSPECIFIED, _BT709, _BT601, _LIMITED = 2, 1, 5, 1  # as H.264 numbers them
_HD = 720  # rows; an untagged video of this size is BT.709 to every player, a smaller one BT.601


def frame_count(path: Path) -> int:
    """Return how many frames the source has at 24 a second."""
    with _opened(path) as container:
        spans = [
            (packet.pts * float(packet.time_base), (packet.pts + (packet.duration or 0)) * float(packet.time_base))
            for packet in container.demux(video=0)
            if packet.pts is not None and packet.time_base is not None
        ]
    if not spans:
        raise ChildError("invalid_input", "the video has no frames")
    seconds = max(end for _start, end in spans) - min(start for start, _end in spans)
    if seconds > _LONGEST:
        raise ChildError("invalid_input", f"the video is longer than {_LONGEST} seconds")
    return max(1, round(seconds * FPS))


def frames(path: Path, size: tuple[int, int], count: int) -> Iterator[av.VideoFrame]:
    """Yield exactly `count` upright frames that fill `size`: each moment shows what the source shows then."""
    shown: av.VideoFrame | None = None
    sent = 0
    with _opened(path) as container:
        start: float | None = None
        for frame in container.decode(video=0):
            start = frame.time if start is None else start
            due = count if shown is None else min(count, round((frame.time - start) * FPS))
            while shown is not None and sent < due:
                yield shown
                sent += 1
            shown = _fitted(frame, size)
    if shown is None:
        raise ChildError("invalid_input", "the video has no frames")
    for _ in range(count - sent):
        yield shown


def sound(path: Path, samples: int) -> Floats | None:
    """Return the first `samples` of the source's sound as (2, samples), padded with silence; None if it has none."""
    chunks: list[Floats] = []
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SAMPLE_RATE)
    with _opened(path) as container:
        if not container.streams.audio:
            return None
        have = 0
        for frame in container.decode(audio=0):
            if not chunks:
                silence = max(0, min(samples, round((frame.time or 0) * SAMPLE_RATE)))
                chunks.append(np.zeros((2, silence), np.float32))
                have = silence
            for part in resampler.resample(frame):
                chunks.append(part.to_ndarray().astype(np.float32))
                have += part.samples
            if have >= samples:
                break
    joined = np.concatenate([*chunks, np.zeros((2, samples), np.float32)], axis=1)
    return joined[:, :samples]


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    try:
        with av.open(os.fspath(path), options=_OPTIONS) as container:
            if not container.streams.video:
                raise ChildError("invalid_input", "the file has no video in it")
            yield container
    except (av.FFmpegError, ValueError) as error:
        raise ChildError("invalid_input", f"the video cannot be read: {error}") from error


def _fitted(frame: av.VideoFrame, size: tuple[int, int]) -> av.VideoFrame:
    """Return `frame` upright, filling `size`, in the clip's own format and colours."""
    turns = round(frame.rotation / 90) % 4
    width, height = (size[1], size[0]) if turns % 2 else size
    scale = max(width / frame.width, height / frame.height)
    wide, tall = (2 * round(side * scale / 2) for side in (frame.width, frame.height))
    assumed = _BT709 if frame.height >= _HD else _BT601
    scaled = frame.reformat(
        max(wide, width),
        max(tall, height),
        "yuv420p",
        src_colorspace=assumed if frame.colorspace == _UNSPECIFIED else None,
        dst_colorspace=_BT709,
        dst_color_range=_LIMITED,
        interpolation="BICUBIC",
    )
    left, top = (scaled.width - width) // 4, (scaled.height - height) // 4
    if not (turns or left or top):
        return scaled
    luma, *chroma = planes_of(scaled)
    cut: list[Bytes] = [luma[2 * top : 2 * top + height, 2 * left : 2 * left + width]]
    cut += [plane[top : top + height // 2, left : left + width // 2] for plane in chroma]
    flat = np.concatenate([np.rot90(plane, turns).ravel() for plane in cut])
    return av.VideoFrame.from_ndarray(flat.reshape(size[1] * 3 // 2, size[0]), format="yuv420p")
