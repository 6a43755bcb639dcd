"""One function per mode: the frames of its clip and its sound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from app.child import ChildError
from app.providers.local import source
from app.providers.local.canvas import Canvas
from app.providers.local.collage import Collage
from app.providers.local.grade import grade_for
from app.providers.local.palette import palette_for
from app.providers.local.pictures import covering, fitting, open_picture, video_frame
from app.providers.local.scenes import scene_for
from app.providers.local.shapes import even, smooth
from app.providers.local.sound import joined, music
from app.providers.local.stage import Stage
from app.providers.local.video import FPS, SAMPLES_PER_FRAME
from app.providers.local.zoom import Zoom

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.providers.local.canvas import Floats
    from app.providers.local.spec import RenderSpec
    from app.providers.local.stage import Scene

_SPARE = 1.14  # a still picture is kept this much larger than the frame, so that coming nearer stays sharp
_NEARER = 0.13  # of the width: how much a still picture grows in a clip
_PUSH = 0.5  # of the width: how much the last frame of a source grows while it dissolves
_OVERLAP_SECONDS = 0.6  # of old and new sound
_CARD_SHARE = 1.2  # of the frame's sides: more than a single reference's card takes; n of them share the area
_FOCI = (0.0, 0.5, 1.0)  # what keeps its place exactly while the picture grows; see Zoom


@dataclass(frozen=True, slots=True)
class Film:
    """A clip to be encoded; the canvas a step of `frames` gives is drawn over by the next step."""

    frames: Iterator[Canvas]
    count: int
    sound: Floats
    kicker: str  # what was done, in a word or two
    derived: bool = False  # made from a video that may have a title and a mark of its own


def film(spec: RenderSpec, stage: Stage) -> Film:
    """Begin the clip `spec` asks for, on a `stage` of its size."""
    makers: dict[str, Callable[[RenderSpec, Stage], Film]] = {
        "text-to-video": _text,
        "image-to-video": _image,
        "reference-to-video": _references,
        "edit": _edit,
        "extend": _extend,
    }
    return makers[spec.mode](spec, stage)


def stage_for(spec: RenderSpec) -> Stage:
    """Return the stage `spec` asks for; all chance in the clip comes from it."""
    rng = np.random.default_rng([spec.seed, crc32(spec.prompt.encode(errors="replace"))])
    return Stage(spec.width, spec.height, spec.seconds, palette_for(spec.prompt, rng), rng)


def _text(spec: RenderSpec, stage: Stage) -> Film:
    return _generated(scene_for(spec.prompt, stage), stage, "Text to video")


def _image(spec: RenderSpec, stage: Stage) -> Film:
    frame = (stage.width, stage.height)
    size = even(stage.width * _SPARE), even(stage.height * _SPARE)
    picture = video_frame(covering(open_picture(Path(_first(spec.images)), size), size))
    focus = float(stage.rng.choice(_FOCI)), float(stage.rng.choice(_FOCI))
    zoom = Zoom(picture, frame, _NEARER, focus)
    away = bool(stage.rng.integers(2))
    count = _new_frames(stage.seconds) + 1

    def frames() -> Iterator[Canvas]:
        canvas = Canvas(*frame)
        for index in range(count):
            share = index / (count - 1)
            zoom.draw(canvas, 1 - share if away else share)
            yield canvas

    return Film(frames(), count, _music(count, stage), "Image to video")


def _references(spec: RenderSpec, stage: Stage) -> Film:
    _first(spec.images)
    share = min(1.0, _CARD_SHARE / len(spec.images) ** 0.5)
    room = round(stage.width * share), round(stage.height * share)
    pictures = [fitting(open_picture(Path(path), room), room) for path in spec.images]
    kicker = "Reference to video" if len(pictures) == 1 else f"{len(pictures)} references to video"
    return _generated(Collage(pictures, stage), stage, kicker)


def _edit(spec: RenderSpec, stage: Stage) -> Film:
    path = _source(spec)
    count = source.frame_count(path)
    grade = grade_for(spec.prompt, stage.rng)

    def frames() -> Iterator[Canvas]:
        canvas = Canvas(stage.width, stage.height)
        for frame in source.frames(path, (stage.width, stage.height), count):
            canvas.show(frame)
            grade.apply(canvas)
            yield canvas

    sound = source.sound(path, count * SAMPLES_PER_FRAME)
    return Film(frames(), count, _music(count, stage) if sound is None else sound, f"Edit · {grade.name}", derived=True)


def _extend(spec: RenderSpec, stage: Stage) -> Film:
    path = _source(spec)
    size = stage.width, stage.height
    old, new = source.frame_count(path), _new_frames(stage.seconds)

    def frames() -> Iterator[Canvas]:
        canvas = Canvas(*size)
        for frame in source.frames(path, size, old):
            canvas.show(frame)
            yield canvas
        zoom = Zoom(frame, size, _PUSH, (0.5, 0.5))
        scene = scene_for(spec.prompt, stage)
        leaving = Canvas(*size)
        for index in range(1, new + 1):
            share = index / new
            dissolved = smooth((share - 0.12) / 0.6)
            if dissolved > 0:
                scene.draw(canvas, index / FPS)
            if dissolved < 1:
                zoom.draw(leaving, (share / 0.72) ** 2)
                canvas.mix(leaving.pixels, 1 - dissolved)
            yield canvas

    head = source.sound(path, old * SAMPLES_PER_FRAME)
    if head is None:
        sound = _music(old + new, stage)
    else:
        overlap = min(_OVERLAP_SECONDS, old / FPS)
        tail = music(new / FPS + overlap, stage.rng)
        sound = joined(head, tail, overlap)
    return Film(frames(), old + new, sound, "Extended", derived=True)


def _generated(scene: Scene, stage: Stage, kicker: str) -> Film:
    count = _new_frames(stage.seconds) + 1

    def frames() -> Iterator[Canvas]:
        canvas = Canvas(stage.width, stage.height)
        for index in range(count):
            scene.draw(canvas, index / FPS)
            yield canvas

    return Film(frames(), count, _music(count, stage), kicker)


def _music(count: int, stage: Stage) -> Floats:
    return music(count / FPS, stage.rng)


def _new_frames(seconds: float) -> int:
    return max(1, round(seconds * FPS))


def _first(images: tuple[str, ...]) -> str:
    if not images:
        raise ChildError("invalid_input", "this mode needs an image")
    return images[0]


def _source(spec: RenderSpec) -> Path:
    if spec.video is None:
        raise ChildError("invalid_input", "this mode needs a video")
    return Path(spec.video)
