"""Write the clip: H.264 and AAC in an MP4 that plays while it loads, the same bytes for the same frames."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from app.providers.local.canvas import Canvas, Floats

FPS = 24
SAMPLE_RATE = 48_000  # hertz
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS
_BT709, _LIMITED = 1, 1  # as H.264 numbers them
# superfast is a third of ultrafast's size for a third more time.
_X264 = {"preset": "superfast", "crf": "21", "g": str(2 * FPS)}


def write_clip(
    target: Path, size: tuple[int, int], frames: Iterable[Canvas], sound: Floats, progress: Callable[[int], None]
) -> int:
    """Encode `frames` and `sound` (2 channels, -1..1) to `target`; tell `progress` each frame's number.

    The file gets its name when it is complete; what fails leaves no file. Returns the number of frames.
    """
    # A name of its own: another replica may be rendering the same output into the same folder.
    partial = target.with_name(f"{target.name}.{secrets.token_hex(4)}.partial")
    try:
        count = _encode(partial, size, frames, sound, progress)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    partial.replace(target)
    return count


def _encode(
    path: Path, size: tuple[int, int], frames: Iterable[Canvas], sound: Floats, progress: Callable[[int], None]
) -> int:
    count = 0
    with av.open(os.fspath(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=FPS, options=_X264)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        context = video.codec_context
        context.thread_count = 1  # the same bytes on every machine, and one clip never takes all its cores
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo", bit_rate=128_000)
        for count, canvas in enumerate(frames, start=1):
            frame = canvas.frame()
            frame.pts = count - 1
            container.mux(video.encode(frame))
            start = (count - 1) * SAMPLES_PER_FRAME
            chunk = np.ascontiguousarray(sound[:, start : start + SAMPLES_PER_FRAME])
            heard = av.AudioFrame.from_ndarray(chunk, format="fltp", layout="stereo")
            heard.sample_rate = SAMPLE_RATE
            heard.pts = start
            container.mux(audio.encode(heard))
            progress(count)
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    return count
