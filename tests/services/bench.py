"""The engine's parts on a real database, with a scripted provider and a clock that tests move."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from app.db import outputs
from app.db.leases import Claim
from app.db.sqlite import SqliteDatabase
from app.domain import catalogue
from app.domain.jobs import LIVE, Job, State
from app.domain.requests import VideoRequest, parse
from app.media.fetch import Fetcher
from app.media.network import NetworkPolicy
from app.media.store import MediaStore
from app.providers.base import Failed, Order, Pending, Sent, Succeeded
from app.services.breakers import Breakers
from app.services.context import Context
from app.services.delivering import Delivering
from app.services.ending import Ending
from app.services.inputs import Inputs
from app.services.link_secrets import Ring, Secret
from app.services.links import Links
from app.services.pace import Pace
from app.services.planning import Planner, Preference
from app.services.polling import Polling
from app.services.posting import Poster
from app.services.routing import Router
from app.services.storing import Storing
from app.services.submitting import Submitting
from app.services.videos import Videos

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from app.db.session import Database
    from app.db.videos import Video
    from app.domain.jobs import Operation

OWNER = "key_test"


def new_database(folder: Path) -> Database:
    """Return a database for a bench in `folder`; conftest.py puts Postgres here."""
    return SqliteDatabase(folder / "db.sqlite3")


class Clock:
    """Time that passes when a test says so, in unix seconds."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Scripted:
    """A provider that answers what it was told to, and keeps a ledger of what it was sent."""

    name: str = "local"
    title: str = "Scripted"
    on_submit: list[Operation | Exception] = field(default_factory=list)
    on_poll: list[Pending | Succeeded | Failed | Exception] = field(default_factory=list)
    ledger: list[Order] = field(default_factory=list)
    cancelled: list[Operation] = field(default_factory=list)
    cancels: bool = True  # in time: it costs nothing

    async def submit(self, order: Order) -> Operation:
        self.ledger.append(order)
        accepted: Operation = {"id": f"up-{len(self.ledger)}"}
        answer = self.on_submit.pop(0) if self.on_submit else accepted
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def poll(self, operation: Operation) -> Pending | Succeeded | Failed:
        del operation
        answer = self.on_poll.pop(0) if self.on_poll else Pending()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def cancel(self, operation: Operation) -> bool:
        self.cancelled.append(operation)
        return self.cancels

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class Finding(Scripted):
    """A scripted provider that can say what became of a lost submission."""

    found: Operation | Exception | None = None
    lists_all: bool = True
    by_likeness: bool = False
    asked: list[Sent] = field(default_factory=list)

    async def find_submission(self, sent: Sent) -> Operation | None:
        self.asked.append(sent)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@dataclass
class Calling(Scripted):
    """A scripted provider that calls back; a callback's body is the upstream id."""

    trouble: Exception | None = None
    polled: list[Operation] = field(default_factory=list)

    async def poll(self, operation: Operation) -> Pending | Succeeded | Failed:
        self.polled.append(operation)
        return await super().poll(operation)

    async def verify_callback(self, headers: Mapping[str, str], body: bytes) -> str:
        del headers
        if self.trouble:
            raise self.trouble
        return body.decode()

    def adopt(self, upstream_id: str, endpoint: str) -> Operation:
        return {"id": upstream_id, "endpoint": endpoint}


@dataclass
class Bench:
    """Everything the engine needs, stepped by hand."""

    database: Database
    videos: Videos
    planner: Planner
    context: Context
    submitting: Submitting
    polling: Polling
    storing: Storing
    ending: Ending
    store: MediaStore
    provider: Scripted
    clock: Clock
    folder: Path
    delivering: Delivering
    lease_holds: bool = True

    async def create(self, owner: str = OWNER, /, **fields: object) -> str:
        body = {"prompt": "a calm sea", "seconds": 1, "resolution": "480p", **fields}
        created = await self.videos.create(owner, request(**body), body, self.folder, is_retry=False)
        return created.video.row.id

    async def claim(self, *states: State, owner: str = "bench") -> list[Job]:
        wanted = Claim(owner, self.clock(), 30.0, 100)
        return await self.database.write(partial(outputs.claim, states=states or LIVE, claim=wanted))

    async def step(self) -> list[State]:
        """Take every due output one step further and return the states they were in."""
        jobs = await self.claim()
        for job in jobs:
            match job.state:
                case State.QUEUED | State.SUBMITTING:
                    await self.submitting.submit(job, lambda: self.lease_holds)
                case State.RUNNING:
                    await self.polling.poll(job)
                case _:
                    await self.storing.keep(job)
        return [job.state for job in jobs]

    async def clean_up(self) -> int:
        wanted = Claim("bench", self.clock(), 30.0, 100)
        jobs = await self.database.write(partial(outputs.claim, states=None, claim=wanted))
        await asyncio.gather(*(self.ending.clean_up(job) for job in jobs))
        return len(jobs)

    async def show(self, video_id: str) -> Video:
        return await self.videos.get(OWNER, video_id)


def request(**fields: object) -> VideoRequest:
    return parse(fields)


@asynccontextmanager
async def open_bench(
    folder: Path, *providers: Scripted, default_model: str = "grok-imagine-video", preference: Preference = "order"
) -> AsyncIterator[Bench]:
    """Build a bench in `folder`."""
    for name in ("scratch", "uploads"):
        (folder / name).mkdir(parents=True)
    database = new_database(folder)
    await database.migrate()
    await database.start()
    clock = Clock()
    store = MediaStore.open(folder / "media")
    inputs = Inputs(database, store, Fetcher(NetworkPolicy.parse("")))
    pace = Pace()
    by_name = {provider.name: provider for provider in providers}
    opened = NetworkPolicy.parse("127.0.0.1")
    fetcher = Fetcher(opened)
    context = Context(
        database,
        by_name,
        store,
        inputs,
        fetcher,
        folder / "scratch",
        clock,
        breakers=Breakers(clock),
        pace=pace,
        links=Links(Ring((Secret(b"links"),)), clock),
        poster=Poster(opened),
        public_url="https://gateway.example",
    )
    router = Router(catalogue.builtin(), tuple(by_name), default_model)
    planner = Planner(database, router, inputs, pace, preference)
    videos = Videos(database, planner, inputs, clock, 3600)
    try:
        yield Bench(
            database,
            videos,
            planner,
            context,
            Submitting(context),
            Polling(context),
            Storing(context),
            Ending(context),
            store,
            providers[0],
            clock,
            folder / "uploads",
            Delivering(context),
        )
    finally:
        await database.close()
