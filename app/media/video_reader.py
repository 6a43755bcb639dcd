"""Open a video and read its facts. Only for child processes: it runs ffmpeg on strangers' bytes."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
from av.stream import Disposition

from app.child import ChildError
from app.media.sniff import HEAD_BYTES, video_container

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from app.domain.plain import Json

_PICTURE_DECODERS = frozenset({"h264", "hevc", "libdav1d", "av1", "vp8", "vp9", "mpeg4", "h263", "prores", "mjpeg"})
_SOUND_DECODERS = frozenset({"aac", "mp3", "mp3float", "opus", "vorbis", "flac"})
_OPTIONS = {
    "protocol_whitelist": "file",
    "enable_drefs": "0",  # a mov may name other files as its tracks
    "use_absolute_path": "0",
    # ffmpeg has some five hundred decoders, and opening a file runs those that it asks for
    "codec_whitelist": ",".join(_PICTURE_DECODERS | _SOUND_DECODERS),
}
_LONGEST_SIDE = 4096  # px
_LONGEST_TIME = 600.0  # s
_CUT_TOLERANCE = 0.5  # s that a webm may end before the length it states: audio and video rarely end together
_THREADS = 2  # more would only reserve address space: there are two children at most on as many cores
_QUARTER = 90  # degrees
_CUT_OFF = "The video is cut off: its last part is missing."


@dataclass(frozen=True)
class Video:
    """An open video file: its container, its one moving picture track and the type to serve it as."""

    container: InputContainer
    track: VideoStream
    content_type: str


@dataclass(frozen=True)
class Facts:
    """What the walk through a file found; `width` and `height` in px as shown, after the rotation it asks for."""

    width: int
    height: int
    duration: float  # s, from the start of the first picture to the end of the last
    fps: float
    num_frames: int
    first: int  # when the first picture is shown, in units of the track's time base
    last: int
    keyframes: list[int]


@contextmanager
def open_video(path: str) -> Iterator[Video]:
    """Open the file at `path`; anything that goes wrong inside the block is the file's fault.

    Raises ChildError("invalid_video").
    """
    with open(path, "rb") as file:  # noqa: PTH123 - a Path would cost the child an import
        kind = video_container(file.read(HEAD_BYTES))
    if kind is None:
        raise refusal("The file is not a video that can be read: MP4, MOV and WebM are accepted.")
    try:
        with av.open(f"file:{path}", format=kind.demuxer, options=_OPTIONS) as container:
            yield Video(container, _moving_track(container), kind.content_type)
    except (ChildError, MemoryError):
        raise
    except Exception as error:  # hostile bytes make demuxers and decoders raise almost anything
        raise refusal("The video could not be decoded: the file is damaged or cut off.") from error


def _moving_track(container: InputContainer) -> VideoStream:
    for track in container.streams.video:
        if Disposition.attached_pic in track.disposition:
            continue  # the cover of a song
        decoder = track.codec_context and track.codec_context.name  # none where ffmpeg does not know the codec
        if decoder not in _PICTURE_DECODERS:
            raise refusal(
                f"The video is coded as {decoder or 'something unknown'}; "
                "H.264, H.265, AV1, VP8, VP9, MPEG-4 and ProRes are accepted."
            )
        track.codec_context.thread_count = _THREADS
        return track
    raise refusal("The file has no video track.")


def read_facts(video: Video) -> Facts:
    """Walk through the whole file once, decoding only until the first frame comes out.

    Counting is slower than believing the header, but finds what is cut off and is right for WebM and for fragmented
    and trimmed MP4, whose headers do not say or say otherwise. Raises ChildError("invalid_video").
    """
    track = video.track
    _check_size(track.codec_context.width, track.codec_context.height)
    frame: VideoFrame | None = None
    shown: list[int] = []
    keyframes: list[int] = []
    packets, end = 0, 0.0
    for packet in video.container.demux():
        if packet.is_corrupt:
            raise refusal(_CUT_OFF)
        if packet.pts is not None:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if packet.stream_index != track.index:
            continue
        frame = frame or next(iter(track.decode(packet)), None)
        packets += packet.pts is not None
        if packet.pts is not None and not packet.is_discard:
            shown.append(packet.pts)
            if packet.is_keyframe:
                keyframes.append(packet.pts)
    if frame is None or not shown:
        raise refusal("The video has no picture that can be decoded.")
    stated = (video.container.duration or 0) / av.time_base
    if stated - end > _CUT_TOLERANCE and packets < (track.frames or math.inf):
        raise refusal(_CUT_OFF)
    first, last = min(shown), max(shown)
    return _facts(track, frame, len(shown), first, last, sorted(keyframes))


def _facts(track: VideoStream, frame: VideoFrame, count: int, first: int, last: int, keyframes: list[int]) -> Facts:
    span = float((last - first) * (track.time_base or 0))
    rate = float(track.average_rate or 0) or (span and (count - 1) / span)
    if not rate:
        raise refusal("The video has no duration: it holds a single picture.")
    duration = span + 1 / rate
    if duration > _LONGEST_TIME:
        raise refusal(f"The video is {duration:.0f} s long; at most {_LONGEST_TIME:.0f} s are accepted.")
    width, height = frame.width, frame.height
    if frame.rotation % 180 == _QUARTER:
        width, height = height, width
    _check_size(width, height)
    return Facts(width, height, round(duration, 6), round(rate, 6), count, first, last, keyframes)


def _check_size(width: int, height: int) -> None:
    if max(width, height) > _LONGEST_SIDE:
        raise refusal(f"The video is {width}x{height} px; each side may have at most {_LONGEST_SIDE} px.")


def refusal(message: str) -> ChildError:
    """Make the error that says the video cannot be used."""
    return ChildError("invalid_video", message)


def public_facts(video: Video, facts: Facts) -> dict[str, Json]:
    """Give the fields of `app.media.probe.VideoFacts` as the child's answer."""
    return {
        "content_type": video.content_type,
        "width": facts.width,
        "height": facts.height,
        "duration": facts.duration,
        "fps": facts.fps,
        "num_frames": facts.num_frames,
        "has_audio": bool(video.container.streams.audio),
        "size_bytes": video.container.size,
    }
