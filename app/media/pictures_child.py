"""The process that draws pictures of one video.

`{"path", "thumbnail", "spritesheet"}` (file names to write) gives the fields of `VideoFacts`; `{"path", "frame"}`
writes one full-size PNG instead. `"cpu_seconds"` is how long it may compute, where that is more than usual.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from PIL import Image, ImageStat

from app.child import main
from app.media.limits import CPU_SECONDS, limit_resources
from app.media.video_reader import Facts, Video, open_video, public_facts, read_facts, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from av.video.frame import VideoFrame

    from app.domain.plain import Json

_GRID = 4  # cells per side of the sprite sheet
_CELL = 320  # px, long side
_CELLS = _GRID * _GRID
_REPRESENTATIVE = 1 / 3  # of the way in: past titles and fades
_THIRD = round(_REPRESENTATIVE * _CELLS)
_DULL = 6.0  # standard deviation of the brightness (0 to 255) of a black or blank frame, noise included
_THUMBNAIL_BYTES = 60_000
_THUMBNAILS = ((640, 80), (640, 50), (480, 40), (320, 30))  # (px, WebP quality): the first that is small enough


def draw(request: dict[str, Json], _tell: Callable[[dict[str, Json]], None]) -> dict[str, Json]:
    """Write the pictures that are asked for."""
    limit_resources(int(str(request.get("cpu_seconds", CPU_SECONDS))))
    if "frame" not in request:
        return draw_pictures(str(request["path"]), str(request["thumbnail"]), str(request["spritesheet"]))
    with open_video(str(request["path"])) as video:
        facts = read_facts(video)
        frame = next(_frames(video, facts, [_REPRESENTATIVE]))
        _picture(frame, max(frame.width, frame.height)).save(str(request["frame"]), "PNG")
        return public_facts(video, facts)


def draw_pictures(path: str, thumbnail: str, spritesheet: str) -> dict[str, Json]:
    """Draw both pictures of the video at `path`, in one walk through it; return its facts.

    The thumbnail is of the frame at a third of the way or, where that is dull, the next one that is not. Frames are
    brought to the size of a cell at once, and to that of the thumbnail only while they are the best so far.
    """
    with open_video(path) as video:
        facts = read_facts(video)
        cells: list[Image.Image] = []
        better: list[Image.Image] = []
        best = (True, _CELLS)  # worse than any
        for place, frame in enumerate(_frames(video, facts, [(cell + 0.5) / _CELLS for cell in range(_CELLS)])):
            cell = _picture(frame, _CELL)
            rank = (_dull(cell), (place - _THIRD) % _CELLS)
            if rank < best:
                best = rank
                better = [_picture(frame, _THUMBNAILS[0][0])]
            cells.append(cell)
        _save_thumbnail(better[0], thumbnail)
        _save_spritesheet(cells, spritesheet)
        return public_facts(video, facts)


def _frames(video: Video, facts: Facts, parts: Iterable[float]) -> Iterator[VideoFrame]:
    """Give the frame at each of the rising `parts` (0 to 1) of the video, decoding no stretch twice."""
    coming: Iterator[VideoFrame] = iter(())
    frame: VideoFrame | None = None
    for part in parts:
        wanted = facts.first + part * (facts.last - facts.first)
        nearest = facts.keyframes[max(bisect_right(facts.keyframes, wanted) - 1, 0)] if facts.keyframes else facts.first
        if frame is None or (frame.pts or 0) < nearest:
            video.container.seek(nearest, stream=video.track)
            coming = video.container.decode(video.track)
        while frame is None or (frame.pts or 0) < wanted:
            following = next(coming, None)
            if following is None:
                break
            frame = following
        if frame is None:
            raise refusal("The video has no picture that can be decoded.")
        yield frame


def _picture(frame: VideoFrame, longest: int) -> Image.Image:
    """Turn the frame the way it is shown, with a long side of at most `longest` px."""
    scale = min(1.0, longest / max(frame.width, frame.height))
    width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
    picture: Image.Image = frame.reformat(width, height, format="rgb24").to_image()  # type: ignore[no-untyped-call]
    return picture.rotate(frame.rotation, expand=True) if frame.rotation else picture


def _dull(picture: Image.Image) -> bool:
    return ImageStat.Stat(picture.convert("L")).stddev[0] <= _DULL


def _save_thumbnail(picture: Image.Image, target: str) -> None:
    for longest, quality in _THUMBNAILS:
        copy = picture.copy()
        copy.thumbnail((longest, longest))
        copy.save(target, "WEBP", quality=quality)
        with open(target, "rb") as file:  # noqa: PTH123 - a Path would cost the child an import
            if len(file.read(_THUMBNAIL_BYTES + 1)) <= _THUMBNAIL_BYTES:
                return


def _save_spritesheet(cells: list[Image.Image], target: str) -> None:
    width, height = cells[0].size
    sheet = Image.new("RGB", (_GRID * width, _GRID * height))
    for place, cell in enumerate(cells):
        row, column = divmod(place, _GRID)
        sheet.paste(cell, (column * width, row * height))
    sheet.save(target, "JPEG", quality=80)


if __name__ == "__main__":
    main(draw)
