"""A whole system: a real gateway in front of the three fake providers, and a clock that tests put forward.

The fakes' ledgers say what was paid; the gateway is only ever asked through its HTTP API.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from app.main import create_app
from tests.serving import serve, settings_for
from tests.upstreams import aimlapi, fal, xai
from tests.upstreams.running import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from tests.serving import Running
    from tests.upstreams.behaviour import Rule
    from tests.upstreams.ledger import Paid

PRICE = 50_000  # micro-dollars for one second at 480p, at fal and xAI


class Clock:
    """The gateway's time: it goes on, jumps when told, and knows the loop it was last read in."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.loop: asyncio.AbstractEventLoop | None = None

    def __call__(self) -> float:
        self.loop = asyncio.get_running_loop()
        return time.time() + self.ahead


class System:
    """Three fakes, and the gateway once it is started."""

    def __init__(self, folder: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fal, self.aimlapi, self.xai = fal.FakeFal(), aimlapi.FakeAimlApi(seconds=0.1), xai.FakeXai(seconds=0.1)
        self.clock = Clock()
        self._folder, self._stack = folder, stack
        monkeypatch.setattr("tests.serving.create_app", partial(create_app, clock=self.clock))
        urls = {name: stack.enter_context(run(fake.app)) for name, fake in self.fakes.items()}
        self.settings: dict[str, Any] = {
            "FAL_KEY": fal.KEY,
            "AIMLAPI_KEY": aimlapi.KEY,
            "XAI_API_KEY": xai.KEY,
            "fal_queue_url": urls["fal"],
            "fal_rest_url": urls["fal"],
            "fal_api_url": urls["fal"],
            "aimlapi_url": urls["aimlapi"],
            "xai_url": f"{urls['xai']}/v1",
            "poll_seconds": 0.05,
            "job_timeout_seconds": 100_000,
            "lease_seconds": 100_000,  # so that a jump of the clock takes no work away from anyone
        }
        self._gateway: Running | None = None

    @property
    def fakes(self) -> dict[str, fal.FakeFal | aimlapi.FakeAimlApi | xai.FakeXai]:
        """The fakes by their provider's name."""
        return {"fal": self.fal, "aimlapi": self.aimlapi, "xai": self.xai}

    @property
    def gateway(self) -> Running:
        """The gateway, started at the first use."""
        return self._gateway or self.start()

    def start(self, **changes: object) -> Running:
        """Start the gateway with other settings than usual."""
        self._serving = ExitStack()
        self._stack.callback(self._serving.close)
        self._gateway = self._serving.enter_context(serve(settings_for(self._folder, **{**self.settings, **changes})))
        return self._gateway

    def stop(self) -> None:
        """Stop the gateway; its data stays."""
        self._serving.close()

    def misbehave(self, provider: str, *rules: Rule) -> None:
        """Give a fake its rules."""
        self.fakes[provider].rules.add(*rules)

    def create(self, **fields: object) -> str:
        """Order a video of one second and return its id."""
        return str(self.gateway.create(**fields)["id"])

    def get(self, video_id: str) -> dict[str, Any]:
        """Return a video, under the id it was created with."""
        video: dict[str, Any] = self.gateway.http.get(f"/v1/videos/{video_id}").json()
        assert video["id"] == video_id
        return video

    def wait(self, video_id: str, timeout: float = 60) -> dict[str, Any]:
        """Wait for a video's end."""
        self.until(lambda: self.get(video_id)["status"] not in {"queued", "in_progress"}, timeout)
        return self.get(video_id)

    def advance(self, seconds: float) -> None:
        """Put the gateway's clock forward and have it look at its work."""
        loop = self.clock.loop
        assert loop, "the gateway runs"
        self.clock.ahead += seconds
        loop.call_soon_threadsafe(self.gateway.app.state.gateway.engine.wake)

    def outlast(self, video_id: str) -> dict[str, Any]:
        """Let time pass in half minutes until a video has ended."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            time.sleep(0.1)  # for what is under way
            if (video := self.get(video_id))["status"] in {"completed", "failed"}:
                return video
            self.advance(31)
        raise AssertionError("the video never ended")

    def until(self, happened: Callable[[], object], timeout: float = 60) -> None:
        """Wait until something has happened."""
        deadline = time.monotonic() + timeout
        while not happened():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.02)

    def paid(self) -> dict[str, int]:
        """Return how many submissions each provider accepted; those without any are left out."""
        return {name: len(paid) for name, fake in self.fakes.items() if (paid := fake.ledger.paid())}

    def charged(self) -> dict[str, int]:
        """Return what each provider charged, in micro-dollars."""
        return {name: fake.ledger.charged() for name, fake in self.fakes.items() if fake.ledger.charged()}

    def arrived(self, provider: str, call: str = "submit") -> int:
        """Return how many calls of a kind a provider saw, whatever it answered."""
        return self.fakes[provider].ledger.arrivals[call]

    def only_paid(self, provider: str) -> Paid:
        """Return the one submission that was paid in all."""
        assert self.paid() == {provider: 1}
        (paid,) = self.fakes[provider].ledger.paid()
        return paid


def story(video: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    """Return what the client is told of the attempts: provider, outcome, code."""
    return [(each["provider"], each["outcome"], each["code"]) for each in video["metadata"]["attempts"]]
