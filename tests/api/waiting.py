"""How the tests of waiting see to it that a video ends when they say so, and read events as curl would."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from app.main import create_app
from tests.serving import serve, settings_for
from tests.upstreams import xai
from tests.upstreams.running import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.serving import Running

LONG = 1000.0  # seconds that the fake's jobs run, unless its clock is put forward
NEVER = 3600.0  # seconds between looks that would find what somebody should have been told


@dataclass(frozen=True)
class Waits:
    """A gateway in front of a fake xAI."""

    gateway: Running
    fake: xai.FakeXai

    @property
    def waiting(self) -> int:
        """Count who waits."""
        return int(self.gateway.app.state.gateway.feed.waiting)

    def create(self, **fields: object) -> str:
        """Order a video that does not end by itself, and return its id once the provider has it."""
        video_id = str(self.gateway.create(**fields)["id"])
        until(lambda: self.get(video_id)["status"] == "in_progress")
        return video_id

    def get(self, video_id: str) -> dict[str, Any]:
        """Return a video at once."""
        video: dict[str, Any] = self.gateway.http.get(f"/v1/videos/{video_id}").json()
        return video

    def end_all(self) -> None:
        """Have the provider end what it works on."""
        self.fake.clock.advance(LONG)

    def cancel(self, video_id: str) -> float:
        """End a video, and return when (by the monotonic clock)."""
        assert self.gateway.http.post(f"/v1/videos/{video_id}/cancel").json()["status"] == "failed"
        return time.monotonic()


@contextmanager
def waits(folder: Path, **changes: object) -> Iterator[Waits]:
    """Serve one."""
    fake = xai.FakeXai(seconds=LONG)
    with (
        run(fake.app) as url,
        serve(settings_for(folder, XAI_API_KEY=xai.KEY, xai_url=f"{url}/v1", poll_seconds=0.1, **changes)) as gateway,
    ):
        yield Waits(gateway, fake)


@contextmanager
def two_replicas(folder: Path, database_url: str) -> Iterator[tuple[Waits, Running]]:
    """Serve one that works, and one on the same database that only answers."""
    with waits(folder / "works", database_url=database_url) as works, pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.serving.create_app", partial(create_app, role="api"))
        settings = settings_for(folder / "answers", database_url=database_url, XAI_API_KEY=xai.KEY)
        with serve(settings) as answers:
            yield works, answers


def until(happened: Callable[[], object], timeout: float = 60) -> None:
    """Wait until something has happened."""
    deadline = time.monotonic() + timeout
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@dataclass(frozen=True)
class Event:
    """One event, and when it came (by the monotonic clock)."""

    name: str
    id: str
    data: dict[str, Any]
    at: float


class Reader:
    """Reads the events of a video, or of all, in a thread of its own; `events` grows, `ended` is set at the end."""

    def __init__(self, gateway: Running, video_id: str | None = None, query: str = "", **headers: str) -> None:
        self.events: list[Event] = []
        self.comments: list[str] = []
        self.retry: int | None = None
        self.ended = threading.Event()
        self.response: httpx.Response | None = None
        self._address = f"{gateway.url}/v1/videos/{f'{video_id}/' if video_id else ''}events{query}"
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}
        threading.Thread(target=self._follow, daemon=True).start()

    def wait(self, count: int, timeout: float = 60) -> list[Event]:
        """Wait until so many events have come."""
        until(lambda: len(self.events) >= count, timeout)
        return self.events

    def finish(self, timeout: float = 60) -> list[Event]:
        """Wait until the gateway has ended the stream."""
        assert self.ended.wait(timeout), "the stream goes on"
        return self.events

    def _follow(self) -> None:
        with suppress(httpx.TransportError):  # one that was cut off has not ended; it is no fault of the next test
            self._read()
            self.ended.set()

    def _read(self) -> None:
        with httpx.Client(timeout=60) as http, http.stream("GET", self._address, headers=self._headers) as response:
            self.response = response
            fields: dict[str, str] = {}
            for line in response.iter_lines():
                name, _, value = line.partition(": ")
                if line.startswith(":"):
                    self.comments.append(line)
                elif line:
                    fields[name] = value
                elif "data" in fields:
                    data = json.loads(fields["data"])
                    self.events.append(Event(fields["event"], fields.get("id", ""), data, time.monotonic()))
                    fields = {}
                elif "retry" in fields:
                    self.retry = int(fields.pop("retry"))
