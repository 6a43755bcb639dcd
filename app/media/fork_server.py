"""The process that has loaded what it takes to look at videos and to draw their pictures, and forks for each.

It does both once itself, to a film of ours, for decoders and encoders build tables and link at their first use; and
each fork looks at that film before a stranger's comes. Both take longer than the work on a short clip.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from app.child import serve
from app.media import pictures_child, video_child

SAMPLE = Path(__file__).with_name("sample.mp4")


def warm_up() -> None:
    """Have everything used once that a short clip needs."""
    pictures_child.draw_pictures(str(SAMPLE), os.devnull, os.devnull)


if __name__ == "__main__":
    warm_up()
    works = {pictures_child.__name__: pictures_child.draw, video_child.__name__: video_child.inspect}
    serve(works, partial(video_child.facts_of, str(SAMPLE)))
