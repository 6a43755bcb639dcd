"""Run every fake upstream until Ctrl-C: `python -m tests.upstreams [--serve]`; prints the lines for `.env`.

`--serve` runs a gateway against them as well, on a data folder that is removed at the end; what else is given goes to
`reelgate serve`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.upstreams import aimlapi, fal, xai
from tests.upstreams.running import run

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_SECONDS = 3.0  # that a job takes
_PORTS = (8101, 8102, 8103)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.upstreams", description="Fake fal, AI/ML API and xAI.")
    parser.add_argument("--serve", action="store_true", help="run a gateway against them, too")
    parser.add_argument("--free-ports", action="store_true", help="take any free ports, not 8101 to 8103")
    options, more = parser.parse_known_args()
    if more and not options.serve:
        parser.error(f"unknown: {' '.join(more)}")
    ports = (0, 0, 0) if options.free_ports else _PORTS
    with ExitStack() as stack:
        fakes: tuple[ASGIApp, ...] = (
            fal.FakeFal(fal.Settings(queue=1, run=_SECONDS)).app,
            aimlapi.FakeAimlApi(seconds=_SECONDS).app,
            xai.FakeXai(seconds=_SECONDS).app,
        )
        urls = [stack.enter_context(run(app, port)) for app, port in zip(fakes, ports, strict=True)]
        settings = environment(*urls)
        sys.stdout.write("".join(f"{name}={value}\n" for name, value in settings.items()))
        sys.stdout.flush()
        try:
            if options.serve:
                _serve(settings, more)
            else:
                threading.Event().wait()
        except KeyboardInterrupt:
            sys.stderr.write("stopping\n")


def environment(fal_url: str, aimlapi_url: str, xai_url: str) -> dict[str, str]:
    """Return the gateway's settings for fakes at these addresses."""
    return {
        "FAL_KEY": fal.KEY,
        "REELGATE_FAL_QUEUE_URL": fal_url,
        "REELGATE_FAL_REST_URL": fal_url,
        "REELGATE_FAL_API_URL": fal_url,
        "AIMLAPI_KEY": aimlapi.KEY,
        "REELGATE_AIMLAPI_URL": aimlapi_url,
        "XAI_API_KEY": xai.KEY,
        "REELGATE_XAI_URL": f"{xai_url}/v1",
    }


def _serve(settings: dict[str, str], more: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="reelgate-demo-") as folder:
        gateway = subprocess.Popen(
            [sys.executable, "-P", "-m", "app", "serve", *more],
            env={**os.environ, "REELGATE_DATA_DIR": folder, **settings},
        )
        try:
            gateway.wait()
        except KeyboardInterrupt:  # the terminal told the gateway as well
            gateway.wait()
            raise
        finally:
            gateway.terminate()
            gateway.wait()


if __name__ == "__main__":
    main()
