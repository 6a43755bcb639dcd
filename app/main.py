"""The composition root: builds every object and hands it what it needs."""

from __future__ import annotations

import shutil
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog
from fastapi import APIRouter, FastAPI

from app.api import callbacks, content, docs, errors, health, input_links, keys, library, models, pages, videos
from app.api.deps import Gateway
from app.api.middleware import BodyLimit, RequestContext
from app.db.session import Database
from app.media.fetch import Fetcher
from app.media.store import MediaStore
from app.services.accounts import Accounts
from app.services.breakers import Breakers
from app.services.callbacks import Callbacks
from app.services.context import Context
from app.services.engine import Engine
from app.services.inputs import Inputs
from app.services.library import Library
from app.services.links import Links
from app.services.pace import Pace
from app.services.planning import Planner
from app.services.routing import Router
from app.services.videos import Videos
from app.startup import (
    StartupError,
    build_providers,
    check_access,
    database_url,
    download_policy,
    link_secret,
    load_catalogue,
    lock,
    network_policy,
)
from app.startup import input_links as input_links_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from app.config import Settings

log = structlog.get_logger()

_PREFIXES = ("/v1", "/openai/v1")  # OpenAI's, and Lumenfall's documented one
_POLL_MS = 1000  # what a client is told to wait between polls


def create_app(settings: Settings, clock: Callable[[], float] = time.time) -> FastAPI:
    """Build the gateway; its lifespan migrates the database and runs the engine."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            async with _running(app, settings, clock):
                yield
        except StartupError as refusal:
            app.state.refusal = refusal
            raise
        except Exception:
            log.exception("the gateway cannot start, or failed to stop")
            raise

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
    for room in (
        library,
        content,
        videos,
        models,
        keys,
        callbacks,
        input_links,
    ):  # literal paths before /videos/{video_id}
        api.include_router(room.router)
    app.include_router(health.router)
    pages.install(app)
    docs.install(app)
    for prefix in _PREFIXES:
        app.include_router(api, prefix=prefix, include_in_schema=prefix == _PREFIXES[0])
    app.add_middleware(BodyLimit, limit=settings.max_body_mb << 20)
    app.add_middleware(RequestContext)
    return app


@asynccontextmanager
async def _running(app: FastAPI, settings: Settings, clock: Callable[[], float]) -> AsyncIterator[None]:
    with lock(settings):
        async with _services(app, settings, clock):
            yield


@asynccontextmanager
async def _services(app: FastAPI, settings: Settings, clock: Callable[[], float]) -> AsyncIterator[None]:
    data = settings.data_dir.absolute()
    scratch, uploads = data / "scratch", data / "uploads"
    shutil.rmtree(uploads, ignore_errors=True)  # what requests left that a killed process was answering
    for folder in (scratch, uploads):
        folder.mkdir(exist_ok=True)
    known = load_catalogue(settings)
    providers = build_providers(settings, known, scratch)
    fetcher = Fetcher(network_policy(settings.allow_private_networks))
    database = Database(database_url(settings))
    await database.migrate()
    await database.start()
    store = MediaStore.open(data / "media")
    links = Links(link_secret(data), clock)
    inputs = Inputs(database, store, fetcher, input_links_for(settings.public_url, links))
    pace = Pace()
    context = Context(
        database=database,
        providers=providers,
        store=store,
        inputs=inputs,
        downloads=Fetcher(download_policy(settings)),
        scratch=scratch,
        clock=clock,
        breakers=Breakers(clock),
        pace=pace,
        poll_seconds=settings.poll_seconds,
        settle_seconds=settings.settle_seconds,
        callback_base=f"{settings.public_url}/v1/callbacks" if settings.public_url else None,
    )
    engine = Engine(context, settings.lease_seconds)
    router = Router(known, tuple(providers), settings.default_model)
    planner = Planner(database, router, inputs, pace, settings.routing)
    accounts = Accounts(database, clock, settings.admin_key, required=settings.auth == "on")
    await accounts.load()
    try:
        check_access(settings, guarded=accounts.guarded)
    except StartupError:
        await database.close()
        raise
    app.state.gateway = Gateway(
        videos=Videos(database, planner, inputs, clock, settings.job_timeout_seconds, engine.wake),
        planner=planner,
        engine=engine,
        callbacks=Callbacks(database, providers, clock, engine.wake),
        library=Library(database, store, clock),
        accounts=accounts,
        links=links,
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
        for provider in providers.values():
            await provider.close()
        await database.close()
