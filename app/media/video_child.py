"""The process that reads one video's facts: `{"path"}` in, the fields of `VideoFacts` out.

`"cpu_seconds"` is how long it may compute, where that is more than usual.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.child import main
from app.media.limits import CPU_SECONDS, limit_resources
from app.media.video_reader import open_video, public_facts, read_facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.domain.plain import Json


def inspect(request: dict[str, Json], _tell: Callable[[dict[str, Json]], None]) -> dict[str, Json]:
    """Check the video at `path`."""
    limit_resources(int(str(request.get("cpu_seconds", CPU_SECONDS))))
    return facts_of(str(request["path"]))


def facts_of(path: str) -> dict[str, Json]:
    """Read the facts of the video at `path`."""
    with open_video(path) as video:
        return public_facts(video, read_facts(video))


if __name__ == "__main__":
    main(inspect)
