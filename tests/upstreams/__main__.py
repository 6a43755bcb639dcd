"""Run every fake upstream on a fixed port until Ctrl-C: `python -m tests.upstreams`; prints the lines for `.env`."""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack

from tests.upstreams import fal
from tests.upstreams.running import run

_FAL_PORT = 8101


def main() -> None:
    """Serve until interrupted."""
    with ExitStack() as stack:
        url = stack.enter_context(run(fal.FakeFal(fal.Settings(queue=1, run=3)).app, _FAL_PORT))
        sys.stdout.write(f"FAL_KEY={fal.KEY}\nFAL_URL={url}\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stderr.write("stopping\n")


if __name__ == "__main__":
    main()
