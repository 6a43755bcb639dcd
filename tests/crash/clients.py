"""Clients of a run: some create videos and never give up, one watches what the gateway says of them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from tests.crash.system import ADMIN_KEY

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.crash.system import System

_PATIENCE = 300.0  # s until a create that never gets a 2xx is a fault of its own
_RANK = {"queued": 0, "in_progress": 1, "completed": 2, "failed": 2}
_WATCH_SECONDS = 0.5
_PAGE = 100


def client_of(system: System) -> httpx.AsyncClient:
    """Make a client that enters by the common door, where any replica answers."""
    return httpx.AsyncClient(
        base_url=system.door.url,
        headers={"authorization": f"Bearer {ADMIN_KEY}"},
        timeout=httpx.Timeout(20, connect=5),
        trust_env=False,
    )


async def persist(http: httpx.AsyncClient, method: str, path: str, **more: Any) -> httpx.Response:
    """Ask until there is an answer that is neither 429 nor 5xx, as a client's own retries do."""
    deadline = time.monotonic() + _PATIENCE
    said: object = None
    while time.monotonic() < deadline:
        try:
            answer = await http.request(method, path, **more)
        except httpx.HTTPError as error:
            said = error
        else:
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS and not answer.is_server_error:
                return answer
            said = answer.text
        await asyncio.sleep(0.1)
    raise AssertionError(f"{method} {path} got no answer in {_PATIENCE:g} s: {said!r}")


@dataclass
class Wanted:
    """One accepted create: its prompt is unique, and names it in the provider's ledger."""

    prompt: str
    n: int


@dataclass
class Creators:
    """Create `jobs` outputs, at most as many as `allowed` says; `live` tells how many have not ended."""

    system: System
    http: httpx.AsyncClient
    jobs: int
    chance: random.Random
    live: Callable[[], int]
    most_live: int = 120
    allowed: int = 0
    enough: bool = False  # nobody will ask for more
    made: int = 0
    accepted: dict[str, Wanted] = field(default_factory=dict)
    _numbers: int = 0

    async def run(self, at_once: int = 4) -> None:
        """Create them all."""
        await asyncio.gather(*(self._create() for _ in range(at_once)))

    def more(self) -> None:
        """Create one output more than was planned."""
        self.allowed += 1
        self.jobs = max(self.jobs, self.allowed)

    async def _create(self) -> None:
        while not self.enough or self.made < self.jobs:
            if self.made >= min(self.allowed, self.jobs) or self.live() >= self.most_live:
                await asyncio.sleep(0.05)
                continue
            n = min(self.chance.choice((1, 1, 1, 2)), self.jobs - self.made)
            self.made += n
            self._numbers += 1
            prompt = f"clip {self._numbers} of seed {self.system.plan.seed}."
            body = {"prompt": prompt, "seconds": 1, "resolution": "480p", "n": n}
            headers = {"idempotency-key": f"key-{self._numbers}"}
            answer = await persist(self.http, "POST", "/v1/videos", json=body, headers=headers)
            assert answer.status_code == httpx.codes.OK, answer.text
            self.accepted[answer.json()["id"]] = Wanted(prompt, n)


@dataclass
class Watcher:
    """Look at the newest videos all the time: what is shown must never go back, what has ended must stay so."""

    http: httpx.AsyncClient
    shown: dict[str, tuple[int, int, Any]] = field(default_factory=dict)
    looks: int = 0
    complaints: list[str] = field(default_factory=list)
    live: int = 0

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self.look(_PAGE)
            await asyncio.sleep(_WATCH_SECONDS)

    async def look(self, most: int | None = None) -> list[dict[str, Any]]:
        """Look at the newest `most` videos, or at all; returns them."""
        found: list[dict[str, Any]] = []
        after: dict[str, str] = {}
        while most is None or len(found) < most:
            answer = await persist(self.http, "GET", "/v1/videos", params={"limit": _PAGE, **after})
            page = answer.raise_for_status().json()
            found += page["data"]
            if not page["has_more"]:
                break
            after = {"after": page["last_id"]}
        for video in found:
            self._judge(video)
        self.live = sum(output["status"] in ("queued", "in_progress") for video in found for output in video["outputs"])
        return found

    def _judge(self, video: dict[str, Any]) -> None:
        self.looks += 1
        ended = [output for output in video["outputs"] if _RANK[output["status"]] == 2]
        facts = {output["index"]: _lasting(output) for output in ended}
        now = (_RANK[video["status"]], video["progress"], facts)
        before = self.shown.get(video["id"], now)
        self.shown[video["id"]] = now
        adopted = any(fact[1] == "submission_unknown" for fact in before[2].values())  # it had failed too early
        if now[0] < before[0] and not adopted:
            self.complaints.append(f"{video['id']} went back from rank {before[0]} to {video['status']}")
        if now[1] < before[1]:
            self.complaints.append(f"{video['id']} went back from {before[1]} to {now[1]} %")
        for index, fact in before[2].items():
            if facts.get(index) != fact and fact[1] != "submission_unknown":
                self.complaints.append(f"{video['id']}/{index} had ended as {fact} and is {facts.get(index)}")


def _lasting(output: dict[str, Any]) -> tuple[Any, ...]:
    """Return what of an output must not change once it has ended (its link is signed anew each time)."""
    return (output["status"], (output["error"] or {}).get("code"), output["size_bytes"], output["num_frames"])
