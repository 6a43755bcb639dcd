"""Render one clip: `python -m app.providers.local.render`, a child process (see `app.child`).

It takes a RenderSpec, tells {"progress": 0..99} while it works and answers {"frames": n}.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from app.child import main
from app.providers.local.modes import film, stage_for
from app.providers.local.spec import RenderSpec
from app.providers.local.title import overlay
from app.providers.local.video import write_clip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.domain.plain import Json
    from app.providers.local.canvas import Canvas, Layer

_BETWEEN_MESSAGES = 0.05  # seconds


def render(request: dict[str, Json], tell: Callable[[dict[str, Json]], None]) -> dict[str, Json]:
    """Render what `request` (a RenderSpec) asks for and return how many frames it has."""
    spec = RenderSpec.from_json(request)
    tell({"progress": 0})
    stage = stage_for(spec)
    clip = film(spec, stage)
    marks = overlay(stage, spec.prompt, clip.kicker, spec.label, over_video=clip.derived)
    count = write_clip(
        Path(spec.target),
        (spec.width, spec.height),
        _marked(clip.frames, marks),
        clip.sound,
        _throttled(clip.count, tell),
    )
    return {"frames": count}


def _marked(frames: Iterator[Canvas], marks: list[tuple[Layer, int, int]]) -> Iterator[Canvas]:
    """Draw the title and the mark on every frame."""
    for canvas in frames:
        for layer, left, top in marks:
            canvas.draw(layer, left, top)
        yield canvas


def _throttled(count: int, tell: Callable[[dict[str, Json]], None]) -> Callable[[int], None]:
    """Return what tells the share of `count` frames that is done, at most twenty times a second."""
    last_percent, last_time = 0, time.monotonic()

    def progress(done: int) -> None:
        nonlocal last_percent, last_time
        percent, now = min(99, done * 100 // count), time.monotonic()
        if percent > last_percent and now - last_time >= _BETWEEN_MESSAGES:
            last_percent, last_time = percent, now
            tell({"progress": percent})

    return progress


if __name__ == "__main__":
    main(render)
