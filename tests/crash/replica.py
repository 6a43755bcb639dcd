"""The program that the harness kills: `python -m tests.crash.replica serve` is `reelgate serve`, with two differences.

`CRASH_AT=name:k` makes it kill itself at a failpoint. `CRASH_PICTURES=inside` draws the thumbnails in a thread of its
own process: a process per result would be most of what a run costs, and nothing here depends on it.
"""

from __future__ import annotations

import asyncio
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING

from app import cli
from app.child import ChildError
from app.media import pictures_child, probe
from tests.crash import failpoints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.domain.plain import Json


async def _inside(_module: str, request: Mapping[str, Json], **_more: object) -> dict[str, Json]:
    return await asyncio.to_thread(pictures_child.draw, dict(request), lambda _message: None)


def main() -> None:
    """Be the replica that the environment describes."""
    if wanted := os.environ.get("CRASH_AT"):
        failpoints.install(wanted)
    if os.environ.get("CRASH_PICTURES") == "inside":
        setattr(pictures_child, "limit_resources", lambda _seconds: None)  # noqa: B010 - meant for a process of its own
        setattr(probe, "children", SimpleNamespace(run=_inside, ChildError=ChildError))  # noqa: B010
    cli.main()


if __name__ == "__main__":
    main()
