"""The program that the harness kills: `python -m tests.crash.replica serve` is `reelgate serve`, with two differences.

`CRASH_AT=name:k` makes it kill itself at a failpoint. `CRASH_PICTURES=inside` looks at films and draws their pictures
in threads of its own process: processes would be most of what a run costs, and nothing here depends on them.
"""

from __future__ import annotations

import asyncio
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING

from app import cli
from app.child import ChildError
from app.children import ForkServer
from app.media import pictures_child, probe, video_child
from tests.crash import failpoints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.domain.plain import Json


async def _inside(_module: object, request: Mapping[str, Json], **_more: object) -> dict[str, Json]:
    work = pictures_child.draw if "thumbnail" in request else video_child.inspect
    return await asyncio.to_thread(work, dict(request), lambda _message: None)


def main() -> None:
    """Be the replica that the environment describes."""
    if wanted := os.environ.get("CRASH_AT"):
        failpoints.install(wanted)
    if os.environ.get("CRASH_PICTURES") == "inside":
        for child in (pictures_child, video_child):
            setattr(child, "limit_resources", lambda _seconds: None)  # noqa: B010 - meant for a process of its own
        setattr(probe, "children", SimpleNamespace(run=_inside, ChildError=ChildError))  # noqa: B010
        setattr(ForkServer, "expect", lambda _self: None)  # noqa: B010
    cli.main()


if __name__ == "__main__":
    main()
