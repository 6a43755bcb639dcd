"""Tell video containers apart by their first bytes, before any demuxer sees them.

What a demuxer is handed decides what it may do: playlists (HLS, DASH, ffconcat) open other files and addresses, so
only two self-contained families are recognised and each is opened with its own demuxer by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HEAD_BYTES = 256  # enough for an `ftyp` box and for the EBML header of every known muxer

_EBML = b"\x1a\x45\xdf\xa3"
_DOC_TYPE = b"\x42\x82"  # the EBML element whose text is "webm" or "matroska"
_PICTURE_BRANDS = frozenset({b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"})
_OLD_QUICKTIME = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})


@dataclass(frozen=True)
class Container:
    """A video container: the MIME type it is served as and the ffmpeg demuxer that reads it."""

    content_type: Literal["video/mp4", "video/quicktime", "video/webm"]
    demuxer: Literal["mov", "matroska"]


def video_container(head: bytes) -> Container | None:
    """Name the container from the first `HEAD_BYTES` bytes of a file; None when it is none that we accept."""
    box, brand = head[4:8], head[8:12]
    if box == b"ftyp":
        if brand in _PICTURE_BRANDS:
            return None
        return Container("video/quicktime" if brand == b"qt  " else "video/mp4", "mov")
    if box in _OLD_QUICKTIME:
        return Container("video/quicktime", "mov")
    if head.startswith(_EBML):
        _, found, rest = head.partition(_DOC_TYPE)
        if found and rest[1:5] == b"webm":
            return Container("video/webm", "matroska")
    return None
