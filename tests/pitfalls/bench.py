"""A real gateway in front of the three fake providers, and what tests of the whole want to know of it."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.serving import serve, settings_for
from tests.upstreams import aimlapi, fal, xai
from tests.upstreams.__main__ import environment
from tests.upstreams.running import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

    from tests.serving import Running
    from tests.upstreams.behaviour import Rules
    from tests.upstreams.ledger import Ledger, Paid

REAL = ("fal", "aimlapi", "xai")
PUBLIC = ("queued", "in_progress", "completed", "failed")
MODEL = "grok-imagine-video"


@dataclass
class Heard:
    """An app that writes down which requests reach the app behind it, and with which headers."""

    app: ASGIApp
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = scope["query_string"].decode()
        target = f"{scope['path']}?{query}" if query else scope["path"]
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.requests.append((scope["method"], target, headers))
        await self.app(scope, receive, send)

    def targets(self, method: str) -> list[str]:
        """Return the paths, with their queries, that were asked for by a method."""
        return [target for asked, target, _ in self.requests if asked == method]


@dataclass(frozen=True)
class Bench:
    """The gateway (`main`, with everything switched on), the fakes, and what each of them heard."""

    main: Running
    fal: fal.FakeFal
    aimlapi: aimlapi.FakeAimlApi
    xai: xai.FakeXai
    heard: dict[str, Heard]
    environment: dict[str, str]

    def ledger(self, provider: str) -> Ledger:
        """Return what a provider was paid for."""
        return {"fal": self.fal.ledger, "aimlapi": self.aimlapi.ledger, "xai": self.xai.ledger}[provider]

    def rules(self, provider: str) -> Rules:
        """Return the rules by which a provider misbehaves."""
        return {"fal": self.fal.rules, "aimlapi": self.aimlapi.rules, "xai": self.xai.rules}[provider]

    def calls(self, provider: str, kind: str) -> int:
        """Return how many calls of a kind ("submit", "status", …) reached a provider."""
        return self.ledger(provider).arrivals[kind]

    def paid(self) -> list[tuple[str, Paid]]:
        """Return what every provider accepted."""
        return [(name, paid) for name in REAL for paid in self.ledger(name).paid()]

    def sent(self, provider: str, timeout: float = 60) -> Any:
        """Return the one body that a provider accepted, as soon as it has."""
        deadline = time.monotonic() + timeout
        while not (bodies := self.ledger(provider).bodies()):
            assert time.monotonic() < deadline, f"{provider} accepted nothing"
            time.sleep(0.01)
        assert len(bodies) == 1
        return bodies[0]

    def advance(self, provider: str, seconds: float) -> None:
        """Put a provider's clock forward."""
        {"fal": self.fal.clock, "aimlapi": self.aimlapi.clock, "xai": self.xai.clock}[provider].advance(seconds)

    def reset(self) -> None:
        """Make the fakes behave again and forget what they heard and were paid, by the last of what was sent."""
        at_least(1, lambda: not self._unanswered())
        self.fal.settings.locked = None
        for name in REAL:
            self.rules(name).clear()
            self.ledger(name).clear()
            self.heard[name].requests.clear()

    def _unanswered(self) -> list[str]:
        """Name the submissions that are under way, also those of videos that were cancelled meanwhile."""
        found = self.main.http.get("/v1/submissions", params={"status": "all", "limit": 100}).json()["data"]
        return [each["id"] for each in found if each["status"] == "pending"]

    def settings(self, data_dir: Path, **changes: object) -> Any:
        """Make settings of another gateway in front of the same fakes."""
        fixed = {"poll_seconds": 0.1, "providers": "fal,aimlapi,xai,local", "allow_private_networks": "127.0.0.1"}
        named = {
            name if name.endswith("_KEY") else name.removeprefix("REELGATE_").lower(): value
            for name, value in self.environment.items()
        }
        return settings_for(data_dir, **{**named, **fixed, **changes})


@contextmanager
def bench(data_dir: Path) -> Iterator[Bench]:
    """Run everything until the block ends."""
    fakes = fal.FakeFal(), aimlapi.FakeAimlApi(seconds=0.2), xai.FakeXai(seconds=0.2)
    apps: list[ASGIApp] = [fake.app for fake in fakes]
    heard = {name: Heard(app) for name, app in zip(REAL, apps, strict=True)}
    with ExitStack() as stack:
        urls = {name: stack.enter_context(run(app)) for name, app in heard.items()}
        env = environment(*urls.values())
        idle: Any = None
        blank = Bench(idle, *fakes, heard, env)
        main = stack.enter_context(serve(blank.settings(data_dir)))
        yield Bench(main, *fakes, heard, env)


def at_least(number: int, count: Callable[[], int], timeout: float = 60) -> None:
    """Wait until something was seen that often."""
    deadline = time.monotonic() + timeout
    while count() < number:
        assert time.monotonic() < deadline, f"seen {count()} times, not {number}"
        time.sleep(0.02)
