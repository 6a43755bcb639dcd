"""What the settings mean: the catalogue, the providers, the networks, the data folder; or why not to start."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import urlsplit

from sqlalchemy.exc import ArgumentError

from app import tracing
from app.db.session import DatabaseUnavailable
from app.db.sqlite import SqliteDatabase
from app.domain import catalogue
from app.domain.catalogue import LOCAL
from app.domain.errors import GatewayError
from app.domain.modes import KEY_SETTINGS
from app.domain.verbatim import verbatim_model
from app.media.bucket import credentials
from app.media.errors import StoreFault
from app.media.network import NetworkPolicy
from app.media.store import MediaStore
from app.program import program
from app.providers.aimlapi.adapter import AimlApiProvider
from app.providers.fal.adapter import FalProvider
from app.providers.local.adapter import LocalProvider
from app.providers.xai.adapter import XaiProvider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from app.config import Settings
    from app.db.session import Database
    from app.domain.catalogue import Catalogue
    from app.providers.base import Provider
    from app.services.links import Links

Role: TypeAlias = Literal["all", "api", "worker"]  # what a process does of the gateway's work

_OWNERS = 0o700  # what nobody but its owner may look into
_OLD_SECONDS = 24 * 3600.0  # what a process left in a folder that others use, too, is nobody's by then


class StartupError(Exception):
    """The gateway must not start; the message says what the operator can do."""


class BusyError(StartupError):
    """Another process has the data folder."""


@asynccontextmanager
async def traced(settings: Settings, version: str) -> AsyncIterator[None]:
    """Send traces while the block runs, if they are wanted. Raises StartupError where the extra is not installed."""
    if not settings.traces:
        yield
        return
    try:
        from app.otel import OtelTracer  # noqa: PLC0415 - an extra, loaded where it is wanted
    except ImportError as missing:
        raise StartupError(
            f"REELGATE_TRACES is on, and {missing.name} is not installed: pip install 'reelgate[traces]'"
        ) from missing
    tracing.use(OtelTracer(version))
    try:
        yield
    finally:
        await asyncio.to_thread(tracing.stop)


def load_catalogue(settings: Settings) -> Catalogue:
    """Read the catalogue and the operator's additions.

    Raises StartupError naming file and line of a mistake, or a default model that does not exist.
    """
    known = _read_catalogue(settings)
    try:
        known.find(settings.default_model)
    except GatewayError as error:
        if verbatim_model(settings.default_model) is None:
            raise StartupError(f"REELGATE_DEFAULT_MODEL: {error.message}") from error
    return known


def _read_catalogue(settings: Settings) -> Catalogue:
    if settings.catalogue is None:
        return catalogue.builtin()
    try:
        return catalogue.load(settings.catalogue.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StartupError(f"REELGATE_CATALOGUE {settings.catalogue}: {error}") from error


def build_providers(settings: Settings, models: Catalogue, scratch: Path) -> dict[str, Provider]:
    """Build the providers that are configured, in order of preference; with no key at all, the local one."""
    fal, aiml, xai = settings.fal_key, settings.aimlapi_key, settings.xai_api_key
    known: dict[str, Callable[[], Provider] | None] = {
        "fal": (lambda: _fal(fal, settings, models)) if fal else None,
        "aimlapi": (lambda: AimlApiProvider(aiml, url=settings.aimlapi_url)) if aiml else None,
        "xai": (lambda: XaiProvider(xai, url=settings.xai_url)) if xai else None,
        LOCAL: lambda: LocalProvider(scratch),
    }
    wanted = settings.providers or tuple(name for name in known if known[name] and name != LOCAL) or (LOCAL,)
    return {name: _build(known, name) for name in wanted}


def _fal(key: str, settings: Settings, models: Catalogue) -> FalProvider:
    modes = [
        spec
        for model in models.models.values()
        if "fal" in model.offerings
        for spec in model.offerings["fal"].modes.values()
    ]
    return FalProvider(
        key,
        queue_url=settings.fal_queue_url,
        rest_url=settings.fal_rest_url,
        api_url=settings.fal_api_url,
        unit_prices={spec.endpoint: spec.price.unit for spec in modes if spec.price and spec.price.unit},
    )


def _build(known: Mapping[str, Callable[[], Provider] | None], name: str) -> Provider:
    if name not in known:
        raise StartupError(f"REELGATE_PROVIDERS names {name!r}; this version has: {', '.join(known)}.")
    build = known[name]
    if build is None:
        raise StartupError(f"REELGATE_PROVIDERS names {name!r}, which has no key: set {KEY_SETTINGS[name]}.")
    return build()


def download_policy(settings: Settings) -> NetworkPolicy:
    """Results come from public hosts, or from the host of a provider that the operator himself put elsewhere."""
    urls = (settings.fal_queue_url, settings.aimlapi_url, settings.xai_url)
    own = [host for host in (urlsplit(url).hostname for url in urls if url.startswith("http://")) if host]
    return network_policy(",".join([settings.allow_private_networks, *own]).strip(","))


def network_policy(text: str) -> NetworkPolicy:
    """Read REELGATE_ALLOW_PRIVATE_NETWORKS. Raises StartupError naming a malformed entry."""
    try:
        return NetworkPolicy.parse(text)
    except ValueError as error:
        raise StartupError(f"REELGATE_ALLOW_PRIVATE_NETWORKS: {error}.") from error


def build_database(settings: Settings) -> Database:
    """Choose the database: the operator's Postgres, else SQLite in the data folder. Raises StartupError."""
    if settings.database_url is None:
        return SqliteDatabase(settings.data_dir.absolute() / "reelgate.sqlite3")
    from app.db.postgres import PostgresDatabase  # noqa: PLC0415 - its driver is not loaded where SQLite serves

    try:
        return PostgresDatabase(settings.database_url)
    except (ValueError, ArgumentError) as error:
        raise StartupError(f"REELGATE_DATABASE_URL: {error}") from error


async def open_database(database: Database) -> None:
    """Bring the tables up to date and start. Raises StartupError where the database cannot be used."""
    try:
        await database.migrate()
        await database.start()
    except DatabaseUnavailable as error:
        raise StartupError(f"The database cannot be used: {error}. See REELGATE_DATABASE_URL.") from error


def check_role(settings: Settings, role: Role) -> None:
    """Raise StartupError where the work is to be split and the database is one that nobody can share.

    To answer without working is another thing: it shows a restored copy that must neither order nor tell.
    """
    if role == "worker" and settings.database_url is None:
        raise StartupError("SQLite serves one process: to split the work, set REELGATE_DATABASE_URL to a Postgres.")


def uploads_folder(data: Path, *, alone: bool) -> Path:
    """Make a folder for this process's requests, and remove what killed processes left in theirs."""
    uploads = data / "uploads"
    uploads.mkdir(exist_ok=True)
    old = time.time() - (0 if alone else _OLD_SECONDS)
    for folder in uploads.iterdir():
        if folder.stat().st_mtime <= old:
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix="process-", dir=uploads))


def build_media(settings: Settings) -> MediaStore:
    """Choose where media is kept: the operator's bucket, else a folder in the data folder. Raises StartupError."""
    if settings.media_redirect and settings.media_url is None:
        raise StartupError(
            "REELGATE_MEDIA_REDIRECT sends clients to a bucket, and there is none: set REELGATE_MEDIA_URL as well."
        )
    try:
        return MediaStore.open(
            settings.media_url or settings.data_dir.absolute() / "media", direct=settings.media_redirect
        )
    except ValueError as error:
        advice = credentials(settings.media_url or "")
        raise StartupError(f"REELGATE_MEDIA_URL: {error}.{f' Set {advice}.' if advice else ''}") from error
    except StoreFault as fault:
        raise StartupError(f"The folder {settings.data_dir.absolute() / 'media'} cannot be used: {fault}.") from fault


async def open_media(settings: Settings) -> MediaStore:
    """Choose where media is kept; a bucket is tried, before anything is paid for. Raises StartupError."""
    store = build_media(settings)
    if settings.media_url is not None:
        try:
            await store.probe()
        except StoreFault as fault:
            raise StartupError(
                f"The bucket of REELGATE_MEDIA_URL cannot be used: {fault}. It must exist, and "
                f"{credentials(settings.media_url)} must allow to list, read, write and delete there"
                f"{', and to sign links (REELGATE_MEDIA_REDIRECT)' if settings.media_redirect else ''}."
            ) from fault
    return store


def check_access(settings: Settings, *, guarded: bool) -> None:
    """Raise StartupError where everybody could come in and nobody has allowed that."""
    if settings.auth == "on" and not guarded and not settings.loopback:
        raise StartupError(
            f"{settings.host} can be reached from other machines, and there is no API key. Make one with "
            f"`{program()} keys create NAME --admin`, or set REELGATE_ADMIN_KEY, or REELGATE_AUTH=off to let everyone "
            "in."
        )


@contextmanager
def lock(settings: Settings) -> Iterator[None]:
    """Make the data folder and, where SQLite is in it, hold it alone: SQLite has one writer.

    The folder, and whatever this process makes meanwhile, is for its own user only: there are secrets in it.
    Raises StartupError when the folder cannot be used, BusyError when another process has it.
    """
    path = settings.lock_file
    try:
        path.parent.mkdir(_OWNERS, parents=True, exist_ok=True)
        with _private():
            file = path.open("a")  # what the holder says in it must stay
    except OSError as error:
        raise StartupError(
            f"The data folder {path.parent} cannot be used: {error.strerror}. Choose another by REELGATE_DATA_DIR."
        ) from error
    with file, _private():
        if settings.database_url is not None:
            yield
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            where = path.read_text(encoding="utf-8", errors="replace")  # empty while it starts, and for a command
            raise BusyError(
                f"Another gateway is using the data folder {path.parent}{f', at {where}' if where else ''}."
            ) from None
        file.truncate(0)
        try:
            yield
        finally:
            file.truncate(0)


@contextmanager
def _private() -> Iterator[None]:
    """Make files and folders for nobody but this user until the block ends."""
    before = os.umask(0o777 & ~_OWNERS)
    try:
        yield
    finally:
        os.umask(before)


def input_links(public_url: str | None, links: Links) -> Callable[[str], str] | None:
    """Where we can be reached, say how the key of an input becomes an address."""
    if public_url is None:
        return None

    def link(key: str) -> str:
        _, video_id, index = key.split("/")
        return f"{public_url}/v1/inputs/{video_id}/{index}?{links.input_query(video_id, int(index))}"

    return link
