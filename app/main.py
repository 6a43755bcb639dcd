"""The composition root: builds every object and hands it what it needs."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI

from app.api import content, errors, health, keys, library, models, videos
from app.api.deps import Gateway
from app.api.middleware import BodyLimit, RequestContext
from app.db.session import Database
from app.domain import catalogue
from app.media.fetch import Fetcher
from app.media.network import NetworkPolicy
from app.media.store import MediaStore
from app.providers.local.adapter import LocalProvider
from app.services.accounts import Accounts
from app.services.engine import Engine
from app.services.inputs import Inputs
from app.services.library import Library
from app.services.links import Links, load_secret
from app.services.routing import Router
from app.services.steps import Steps
from app.services.videos import Videos

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from app.config import Settings
    from app.providers.base import Provider

_PREFIXES = ("/v1", "/openai/v1")  # OpenAI's, and Lumenfall's documented one
_POLL_MS = 1000  # what a client is told to wait between polls


def create_app(settings: Settings, clock: Callable[[], float] = time.time) -> FastAPI:
    """Build the gateway; its lifespan migrates the database and runs the engine."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _running(app, settings, clock):
            yield

    app = FastAPI(
        title="Reelgate",
        version=health.VERSION,
        description="A self-hosted, OpenAI-compatible gateway for video generation.",
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    errors.install(app)
    api = APIRouter()
    for room in (library, content, videos, models, keys):  # literal paths before /videos/{video_id}
        api.include_router(room.router)
    app.include_router(health.router)
    for prefix in _PREFIXES:
        app.include_router(api, prefix=prefix, include_in_schema=prefix == _PREFIXES[0])
    app.add_middleware(BodyLimit, limit=settings.max_body_mb << 20)
    app.add_middleware(RequestContext)
    return app


@asynccontextmanager
async def _running(app: FastAPI, settings: Settings, clock: Callable[[], float]) -> AsyncIterator[None]:
    data = settings.data_dir.absolute()
    scratch, uploads = data / "scratch", data / "uploads"
    for folder in (scratch, uploads):
        folder.mkdir(parents=True, exist_ok=True)
    database = Database(f"sqlite+aiosqlite:///{data / 'reelgate.sqlite3'}")
    await database.migrate()
    await database.start()
    store = MediaStore.open(data / "media")
    inputs = Inputs(database, store, Fetcher(NetworkPolicy.parse(settings.allow_private_networks)))
    local = LocalProvider(scratch)
    providers: dict[str, Provider] = {name: local for name in settings.providers if name == local.name}
    steps = Steps(database, providers, store, inputs, scratch, clock, settings.poll_seconds)
    engine = Engine(database, steps, clock, settings.lease_seconds)
    known = catalogue.builtin()
    router = Router(known, tuple(providers), settings.default_model)
    accounts = Accounts(database, clock, settings.admin_key, required=settings.auth == "on")
    await accounts.load()
    app.state.gateway = Gateway(
        videos=Videos(database, router, inputs, clock, settings.job_timeout_seconds, engine.wake),
        library=Library(database, store, clock),
        accounts=accounts,
        links=Links(load_secret(data), clock),
        store=store,
        database=database,
        catalogue=known,
        providers=providers,
        public_url=settings.public_url,
        uploads=uploads,
        default_poll_ms=_POLL_MS,
    )
    await engine.start()
    try:
        yield
    finally:
        await engine.stop()
        await local.close()
        await database.close()
