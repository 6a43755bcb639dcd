"""Run every fake upstream until Ctrl-C: `python -m tests.upstreams [--serve]`; prints the lines for `.env`.

`--serve` runs a gateway against them instead and says what to try; what else is given goes to `reelgate serve`.
"""

from __future__ import annotations

import argparse
import sys
import threading
from contextlib import ExitStack

from tests.upstreams import aimlapi, demo, fal, xai
from tests.upstreams.running import run

_SECONDS = 3.0  # that a job takes
_PORTS = (8101, 8102, 8103)


def main() -> int:
    """Serve until interrupted, and return a status."""
    parser = argparse.ArgumentParser(prog="python -m tests.upstreams", description="Fake fal, AI/ML API and xAI.")
    parser.add_argument("--serve", action="store_true", help="run a gateway against them, too")
    parser.add_argument("--free-ports", action="store_true", help="take any free ports, not 8101 to 8103")
    options, more = parser.parse_known_args()
    if more and not options.serve:
        parser.error(f"unknown: {' '.join(more)}")
    ports = (0, 0, 0) if options.free_ports else _PORTS
    with ExitStack() as stack:
        fakes: dict[str, fal.FakeFal | aimlapi.FakeAimlApi | xai.FakeXai] = {
            "fal": fal.FakeFal(fal.Settings(queue=1, run=_SECONDS, look=demo.LOOKS["fal"])),
            "aimlapi": aimlapi.FakeAimlApi(seconds=_SECONDS, look=demo.LOOKS["aimlapi"]),
            "xai": xai.FakeXai(seconds=_SECONDS, look=demo.LOOKS["xai"]),
        }
        for name, fake in fakes.items():
            fake.rules.add(*demo.trouble(name))
        urls = [stack.enter_context(run(fake.app, port)) for fake, port in zip(fakes.values(), ports, strict=True)]
        settings = environment(*urls)
        if options.serve:
            return demo.serve(settings, more)
        sys.stdout.write("".join(f"{name}={value}\n" for name, value in settings.items()))
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stderr.write("stopping\n")
    return 0


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


if __name__ == "__main__":
    sys.exit(main())
