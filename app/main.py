"""The composition root: builds every object and hands it what it needs."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog
from fastapi import APIRouter, FastAPI

from app.api import (
    balance,
    callbacks,
    content,
    dashboard,
    docs,
    errors,
    events,
    health,
    input_links,
    keys,
    library,
    link_secret,
    metrics,
    models,
    pages,
    provider_health,
    requests,
    sessions,
    submissions,
    timeline,
    usage,
    video_reads,
    videos,
    webhooks,
)
from app.api.deps import Gateway
from app.api.hot import StatusReads
from app.api.middleware import BodyLimit, RequestContext
from app.api.origins import own_names
from app.media.fetch import RESULT_RATE, Fetcher
from app.services.accounts import Accounts
from app.services.breakers import Breakers
from app.services.budgets import Budgets
from app.services.callbacks import Callbacks
from app.services.context import Context
from app.services.engine import Engine
from app.services.feed import Feed
from app.services.following import Following
from app.services.gauges import Build, Gauges
from app.services.health import Health
from app.services.inputs import Inputs
from app.services.library import Library
from app.services.link_secrets import LinkSecrets
from app.services.links import Links
from app.services.pace import Pace
from app.services.planning import Planner
from app.services.posting import Poster
from app.services.request_log import RequestLog
from app.services.revoking import Revoking
from app.services.routing import Router
from app.services.sessions import Sessions
from app.services.snapshots import Snapshots
from app.services.submissions import Submissions
from app.services.tally import Tally
from app.services.videos import Videos
from app.services.webhooks import Webhooks
from app.startup import (
    StartupError,
    build_database,
    build_providers,
    check_access,
    download_policy,
    load_catalogue,
    lock,
    network_policy,
    open_database,
    open_media,
    traced,
    uploads_folder,
)
from app.startup import input_links as input_links_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from app.config import Settings
    from app.db.session import Database
    from app.services.health import Breaking
    from app.startup import Role

log = structlog.get_logger()

_PREFIXES = ("/v1", "/openai/v1")  # OpenAI's, and Lumenfall's documented one
_POLL_MS = 1000  # what a client is told to wait between polls


def create_app(settings: Settings, clock: Callable[[], float] | None = None, *, role: Role = "all") -> FastAPI:
    """Build the gateway; its lifespan migrates the database and runs the engine.

    `role` splits it where replicas share a database: "api" answers requests and leaves the work to others, "worker"
    works and answers only whether it is well. `clock` replaces the database's.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            async with _running(app, settings, clock, role):
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
    app.include_router(health.router)
    app.include_router(metrics.router)
    if role != "worker":
        _add_routes(app)
    app.add_middleware(BodyLimit, limit=settings.max_body_mb << 20)
    if role != "worker":
        app.add_middleware(StatusReads)
    app.add_middleware(RequestContext)
    return app


def _add_routes(app: FastAPI) -> None:
    api = APIRouter()
    for room in (
        videos,  # routes are tried one after another: creates, which cost the most, come first
        library,
        content,
        events,
        timeline,
        video_reads,
        models,
        keys,
        link_secret,
        balance,
        usage,
        requests,
        submissions,
        provider_health,
        webhooks,
        callbacks,
        input_links,
    ):  # literal paths before /videos/{video_id}
        api.include_router(room.router)
    for prefix in _PREFIXES:
        app.include_router(api, prefix=prefix, include_in_schema=prefix == _PREFIXES[0])
    app.include_router(dashboard.router)
    app.include_router(sessions.router)
    pages.install(app)
    docs.install(app)


@asynccontextmanager
async def _running(
    app: FastAPI, settings: Settings, clock: Callable[[], float] | None, role: Role
) -> AsyncIterator[None]:
    with lock(settings):
        database = build_database(settings)
        try:
            await open_database(database)
            async with (
                traced(settings, health.VERSION),
                _services(app, settings, database, clock or database.clock, role),
            ):
                yield
        finally:
            await database.close()


@asynccontextmanager
async def _services(
    app: FastAPI, settings: Settings, database: Database, clock: Callable[[], float], role: Role
) -> AsyncIterator[None]:
    data = settings.data_dir.absolute()
    scratch = data / "scratch"
    scratch.mkdir(exist_ok=True)
    known = load_catalogue(settings)
    providers = build_providers(settings, known, scratch)
    networks = network_policy(settings.allow_private_networks)
    fetcher, poster = Fetcher(networks), Poster(networks)
    store = await open_media(settings)
    link_secrets = LinkSecrets(database, clock, data / "link.secret")
    links = Links(await link_secrets.load(), clock)
    inputs = Inputs(database, store, fetcher, input_links_for(settings.public_url, links), clock)
    pace, breakers, tally = Pace(), Breakers(clock), Tally.of(known)
    context = Context(
        database=database,
        providers=providers,
        store=store,
        inputs=inputs,
        downloads=Fetcher(download_policy(settings), RESULT_RATE),
        scratch=scratch,
        clock=clock,
        breakers=breakers,
        pace=pace,
        links=links,
        poster=poster,
        poll_seconds=settings.poll_seconds,
        settle_seconds=settings.settle_seconds,
        keep_seconds=settings.keep_seconds,
        request_log_seconds=settings.request_log_seconds,
        resubmits=frozenset(settings.resubmit_unknown),
        max_video_bytes=settings.max_video_mb << 20,
        callback_base=f"{settings.public_url}/v1/callbacks" if settings.public_url else None,
        public_url=settings.public_url,
        tally=tally,
    )
    engine = Engine(context, settings.lease_seconds)
    feed = Feed(database)
    following = Following(database, feed)
    build = Build(health.VERSION, role, "postgres" if database.shared else "sqlite")
    requests_log = RequestLog(database, settings.request_log_seconds)
    gauges = Gauges(database, breakers, feed, tally, build, tuple(providers))
    breaking: Breaking = "none" if role == "api" else "process" if database.shared else "gateway"
    router = Router(known, tuple(providers), settings.default_model)
    planner = Planner(database, router, inputs, pace, settings.routing)
    accounts = Accounts(database, clock, settings.admin_key, required=settings.auth == "on")
    await accounts.load()
    check_access(settings, guarded=accounts.guarded)
    app.state.gateway = Gateway(
        videos=Videos(database, planner, inputs, clock, settings.job_timeout_seconds, settings.keep_seconds, tally),
        snapshots=Snapshots(database, clock),
        planner=planner,
        engine=None if role == "api" else engine,
        feed=feed,
        following=following,
        callbacks=Callbacks(database, providers, clock),
        submissions=Submissions(database, providers, clock, settings.job_timeout_seconds),
        webhooks=Webhooks(database, poster, clock),
        library=Library(database, store, clock, settings.max_files_mb << 20),
        accounts=accounts,
        sessions=Sessions(database, accounts, clock),
        revoking=Revoking(database, accounts, clock, settings.keep_seconds),
        budgets=Budgets(database, clock),
        request_log=requests_log,
        links=links,
        link_secrets=link_secrets,
        store=store,
        database=database,
        gauges=gauges,
        health=Health(database, providers, breakers, gauges, clock, breaking),
        metrics_key=settings.metrics_key,
        catalogue=known,
        providers=providers,
        public_url=settings.public_url,
        names=own_names(settings.host, settings.public_url),
        uploads=uploads_folder(data, alone=not database.shared),
        default_poll_ms=_POLL_MS,
    )
    try:
        await feed.start()
        await following.start()
        await link_secrets.start()
        await requests_log.start()
        if role != "api":
            await engine.start()
        yield
    finally:
        await feed.stop()
        await following.stop()
        await link_secrets.stop()
        await requests_log.stop()
        if role != "api":
            await engine.stop()
        for provider in providers.values():
            await provider.close()
