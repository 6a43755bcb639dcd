"""Run every fake upstream on a fixed port until Ctrl-C: `python -m tests.upstreams`; prints the lines for `.env`."""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.upstreams import aimlapi, fal, xai
from tests.upstreams.running import run

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_SECONDS = 3.0  # that a job takes


def main() -> None:
    """Serve until interrupted."""
    fakes: list[tuple[ASGIApp, int, str]] = [
        (fal.FakeFal(fal.Settings(queue=1, run=_SECONDS)).app, 8101, f"FAL_KEY={fal.KEY}\nREELGATE_FAL_URL={{url}}\n"),
        (
            aimlapi.FakeAimlApi(seconds=_SECONDS).app,
            8102,
            f"AIMLAPI_KEY={aimlapi.KEY}\nREELGATE_AIMLAPI_URL={{url}}\n",
        ),
        (xai.FakeXai(seconds=_SECONDS).app, 8103, f"XAI_API_KEY={xai.KEY}\nREELGATE_XAI_URL={{url}}/v1\n"),
    ]
    with ExitStack() as stack:
        for app, port, lines in fakes:
            sys.stdout.write(lines.format(url=stack.enter_context(run(app, port))))
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stderr.write("stopping\n")


if __name__ == "__main__":
    main()
