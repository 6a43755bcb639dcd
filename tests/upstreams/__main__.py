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
    fakes: list[tuple[str, str, ASGIApp, int]] = [
        ("FAL", fal.KEY, fal.FakeFal(fal.Settings(queue=1, run=_SECONDS)).app, 8101),
        ("AIMLAPI", aimlapi.KEY, aimlapi.FakeAimlApi(seconds=_SECONDS).app, 8102),
        ("XAI", xai.KEY, xai.FakeXai(seconds=_SECONDS).app, 8103),
    ]
    with ExitStack() as stack:
        for name, key, app, port in fakes:
            sys.stdout.write(f"{name}_KEY={key}\n{name}_URL={stack.enter_context(run(app, port))}\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stderr.write("stopping\n")


if __name__ == "__main__":
    main()
