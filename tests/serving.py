"""Run a real gateway for a test: uvicorn in a thread, its own data folder, real renders."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from app.cli.serve import listen, make_server
from app.config import Settings
from app.main import create_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fastapi import FastAPI

PENDING = ("queued", "in_progress")


@dataclass(frozen=True)
class Running:
    """A gateway that serves on loopback."""

    url: str
    http: httpx.Client
    app: FastAPI
    data_dir: Path

    def create(self, **fields: object) -> dict[str, Any]:
        """Create a video from JSON and return it."""
        answer = self.http.post(
            "/v1/videos", json={"prompt": "a calm sea", "seconds": 1, "resolution": "480p", **fields}
        )
        assert answer.status_code == 200, answer.text
        video: dict[str, Any] = answer.json()
        return video

    def wait(self, video_id: str, timeout: float = 60) -> dict[str, Any]:
        """Poll a video until it has ended."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            video: dict[str, Any] = self.http.get(f"/v1/videos/{video_id}").json()
            if video["status"] not in PENDING:
                return video
            time.sleep(0.1)
        raise AssertionError(f"video {video_id} did not end within {timeout} s")

    def finished(self, **fields: object) -> dict[str, Any]:
        """Create a short video and wait for its end."""
        video = self.wait(self.create(**fields)["id"])
        assert video["status"] == "completed", video
        return video

    @contextmanager
    def idle(self, *, after: int = 0) -> Iterator[None]:
        """Let no render begin until the block ends, `after` so many: what is made stays live while a test needs it."""
        local, over = self.app.state.gateway.providers["local"], threading.Event()
        places, local._places = local._places, _Closed(over, after)  # noqa: SLF001 - instead of long renders
        try:
            yield
        finally:
            local._places = places  # noqa: SLF001 - as above
            over.set()

    def live(self, **fields: object) -> dict[str, Any]:
        """Create a video and return it once a provider has it: no answer to a submit is under way any more."""
        video, deadline = self.create(**fields), time.monotonic() + 60
        while any(output["status"] == "queued" for output in video["outputs"]):
            assert time.monotonic() < deadline, "it was not begun in time"
            time.sleep(0.02)
            video = self.http.get(f"/v1/videos/{video['id']}").json()
        return video


class _Closed:
    """Places for so many renders, and then for none until it is over."""

    def __init__(self, over: threading.Event, left: int) -> None:
        self._over, self._left = over, left

    async def __aenter__(self) -> None:
        self._left -= 1
        if self._left < 0:
            while not self._over.is_set():
                await asyncio.sleep(0.02)

    async def __aexit__(self, *_: object) -> None:
        """Give nothing back."""


@contextmanager
def serve(settings: Settings, clock: Callable[[], float] | None = None) -> Iterator[Running]:
    """Run a gateway until the block ends, by its own clock or by one that the test moves."""
    app = create_app(settings) if clock is None else create_app(settings, clock)
    server = make_server(app)
    listener = listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert thread.is_alive(), "the gateway ended at its start"
        assert time.monotonic() < deadline, "the gateway did not start in time"
        time.sleep(0.01)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, timeout=60) as http:
            yield Running(url, http, app, settings.data_dir)
    finally:  # one that a failed test left behind would be found by its neighbours
        server.should_exit = True
        thread.join(timeout=60)
    assert not thread.is_alive(), "the gateway did not stop"


def coverage_environment() -> dict[str, str]:
    """Return the variables by which coverage measures a process that tests start."""
    return {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}


def environment_without(*prefixes: str) -> dict[str, str]:
    """Return the environment for a program that is not ours: without these variables, and unmeasured by coverage."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE", *prefixes))}


def settings_for(data_dir: Path, **changes: object) -> Settings:
    """Make settings that read neither the environment's .env nor the developer's data."""
    return Settings.model_validate({"data_dir": data_dir, **changes})
