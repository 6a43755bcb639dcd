"""What a file is, from its bytes. The bytes are only ever opened in a child process with limits of its own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter

from app import children
from app.child import ChildError
from app.media.errors import MediaError
from app.media.limits import CPU_SECONDS
from app.media.shares import Places

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from app.children import ForkServer
    from app.domain.plain import Json

FORK_SERVER = "app.media.fork_server"
_VIDEO_CHILD, _PICTURES_CHILD = "app.media.video_child", "app.media.pictures_child"
_WALL_SECONDS = 20.0
_SLOWEST_READ = 10 << 20  # bytes per second of a disk: a large result is read to its end

# Children at once. What clients send delays no result that was paid for, and one client's files no other client;
# pictures delay no result.
_REQUESTS = Places(total=3, each=2)
_RESULTS = Places(total=4, each=4)
_DRAWINGS = Places(total=2, each=2)


@dataclass(frozen=True)
class ImageFacts:
    """An accepted image: its MIME type by content, `width` and `height` in px as shown (EXIF rotation applied)."""

    content_type: str
    width: int
    height: int


@dataclass(frozen=True)
class VideoFacts:
    """An accepted video: px as shown, `duration` of the pictures in seconds, `fps` on average."""

    content_type: str
    width: int
    height: int
    duration: float
    fps: float
    num_frames: int
    has_audio: bool
    size_bytes: int


@dataclass(frozen=True)
class Pictures:
    """What was drawn of a video, with its facts: a WebP of at most 640 px and 60 KB, a JPEG of 4x4 frames."""

    facts: VideoFacts
    thumbnail: Path
    spritesheet: Path


_IMAGE_FACTS = TypeAdapter(ImageFacts)
_VIDEO_FACTS = TypeAdapter(VideoFacts)


async def inspect_image(path: Path) -> ImageFacts:
    """Accept a PNG, JPEG, WebP, GIF or AVIF file, whatever it is called, or raise MediaError("invalid_image").

    It must decode (an animation: its first frame), have 32 px a side or more, at most 50 megapixels and 20:1.
    """
    return _IMAGE_FACTS.validate_python(await _run("image", "app.media.image_child", {"path": str(path)}))


async def inspect_video(path: Path) -> VideoFacts:
    """Accept an MP4, MOV or WebM file, whatever it is called, or raise MediaError("invalid_video").

    It must be whole, show pictures that decode, have at most 4096 px a side and last at most 10 minutes.
    """
    return _VIDEO_FACTS.validate_python(await _run("video", _VIDEO_CHILD, {"path": str(path)}))


async def inspect_result(video: Path, server: ForkServer | None = None) -> VideoFacts:
    """Do the same for a result, which may be large and then take longer. Raises FileNotFoundError, too."""
    more = await _more_seconds(video)
    request: dict[str, Json] = {"path": str(video), "cpu_seconds": CPU_SECONDS + int(more)}
    return _VIDEO_FACTS.validate_python(await _run("video", _VIDEO_CHILD, request, _RESULTS, more, server))


async def make_pictures(video: Path, folder: Path, server: ForkServer | None = None) -> Pictures:
    """Draw `thumbnail.webp` and `spritesheet.jpg` into the existing `folder`; a large video may take longer.

    Raises what `inspect_video` raises, and FileNotFoundError.
    """
    thumbnail, spritesheet = folder / "thumbnail.webp", folder / "spritesheet.jpg"
    more = await _more_seconds(video)
    request: dict[str, Json] = {
        "path": str(video),
        "thumbnail": str(thumbnail),
        "spritesheet": str(spritesheet),
        "cpu_seconds": CPU_SECONDS + int(more),
    }
    facts = _VIDEO_FACTS.validate_python(await _run("video", _PICTURES_CHILD, request, _DRAWINGS, more, server))
    return Pictures(facts, thumbnail, spritesheet)


async def grab_frame(video: Path, target: Path) -> None:
    """Write the frame a third of the way in as a full-size PNG to `target`; raise what `inspect_video` raises."""
    await _run("video", _PICTURES_CHILD, {"path": str(video), "frame": str(target)})


async def _more_seconds(video: Path) -> float:
    """Return how much longer than other files a large one may take."""
    return (await asyncio.to_thread(video.stat)).st_size / _SLOWEST_READ


async def _run(
    kind: Literal["image", "video"],
    module: str,
    request: Mapping[str, Json],
    places: Places = _REQUESTS,
    more: float = 0,
    server: ForkServer | None = None,
) -> dict[str, Json]:
    async with places.place():
        try:
            return await children.run(module, request, timeout=_WALL_SECONDS + more, server=server)
        except ChildError as error:
            code: Literal["invalid_image", "invalid_video"] = "invalid_image" if kind == "image" else "invalid_video"
            if error.code == code:
                raise MediaError(code, error.message) from error
            reason = "it takes too long" if error.code == "timeout" else "decoding it fails or needs too much memory"
            raise MediaError(code, f"The {kind} could not be decoded: {reason}.") from error
