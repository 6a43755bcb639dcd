"""What `reelgate doctor` looks at: this machine, the gateway, its database and media, and each provider."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import stat
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from rich.markup import escape

from app import children
from app.child import ChildError
from app.cli.connection import addresses, find_running
from app.cli.public_url import PublicUrlError, check_public_url
from app.cli.terminal import out, plain, speaks_json
from app.db.migrate import begun
from app.db.session import DatabaseUnavailable
from app.media.errors import MediaError, StoreFault
from app.media.probe import inspect_video
from app.program import program
from app.providers.base import Checks
from app.providers.errors import ProviderError
from app.providers.local.spec import RenderSpec
from app.services.accounts import Accounts
from app.startup import (
    StartupError,
    build_database,
    build_media,
    build_providers,
    check_access,
    load_catalogue,
    lock,
    open_media,
)

if TYPE_CHECKING:
    from app.config import CommandSettings, Settings

_PYTHON = (3, 11)
_FREE_GIB = 1.0
_WITHOUT = {  # what a provider does where it cannot reach the gateway
    "fal": "fal is asked for the end of each job, rather than telling it.",
    "aimlapi": "Pictures travel in the requests to AI/ML API, which documents links only.",
    "xai": "Videos travel in the requests to xAI, up to 50 MB.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one thing; a warning is no failure, and should be mended all the same."""

    name: str
    ok: bool
    message: str
    warning: bool = False


def examine(settings: CommandSettings) -> list[Finding]:
    """Check everything; without --json, each finding is said as soon as it is there."""
    running = find_running(settings)
    found = [
        _python(),
        _data_dir(settings),
        asyncio.run(_renderer()),
        _gateway(settings, running),
        *(_served(settings, running) if running else asyncio.run(_stopped(settings))),
        asyncio.run(_media(settings)),
    ]
    providers = asyncio.run(_providers(settings))
    public_url = asyncio.run(_public_url(settings, tuple(providers), running=bool(running)))
    return [*found, *providers.values(), public_url]


def _say(name: str, problem: str | None, fact: str, warning: str | None = None) -> Finding:
    found = Finding(name, problem is None, problem or warning or fact, problem is None and warning is not None)
    if not speaks_json():
        mark = "[green]ok  [/green]" if found.ok else "[red]FAIL[/red]"
        mark = "[yellow]warn[/yellow]" if found.warning else mark
        out.print(f"{mark} {name:<10} {escape(plain(found.message))}")
    return found


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    problem = f"{version} is too old: {'.'.join(map(str, _PYTHON))} is needed" if sys.version_info < _PYTHON else None
    return _say("python", problem, f"{version}, {os.cpu_count()} cores")


def _data_dir(settings: Settings) -> Finding:
    folder = settings.data_dir.absolute()
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        return _say("data", f"{folder} is not a writable folder; set REELGATE_DATA_DIR", "")
    free = shutil.disk_usage(existing).free / (1 << 30)
    problem = None if free > _FREE_GIB else f"only {free:.1f} GiB free in {folder}"
    return _say("data", problem, f"{folder}, {free:.0f} GiB free", _exposed(settings, folder))


def _exposed(settings: Settings, folder: Path) -> str | None:
    """Say what to do about a data folder that holds secrets or videos and that other users may look into."""
    if not folder.exists() or (settings.database_url and settings.media_url):
        return None
    if not folder.stat().st_mode & stat.S_IRWXO:
        return None
    open_files = [path.name for path in folder.glob("reelgate.sqlite3*") if path.stat().st_mode & stat.S_IRWXO]
    what = f", and {', '.join(sorted(open_files))} with its secrets read" if open_files else ""
    return f"every user of this machine may look into {folder}{what}: chmod -R o-rwx {shlex.quote(str(folder))}"


def _served(settings: Settings, url: str) -> list[Finding]:
    """Ask the running gateway for its database, and whether it lets in who shows no key."""
    try:
        ready = httpx.get(f"{url}/readyz", timeout=5.0, trust_env=False)
        stranger = httpx.get(f"{url}/v1/videos", params={"limit": 0}, timeout=5.0, trust_env=False)
    except httpx.HTTPError as error:
        return [_say("database", f"{url} does not answer: {error}", "")]
    problem = None if ready.is_success else f"{url}/readyz answers {ready.status_code}"
    guarded = stranger.status_code == httpx.codes.UNAUTHORIZED
    return [_say("database", problem, "answers in the running gateway"), _access(settings, guarded=guarded)]


async def _stopped(settings: Settings) -> list[Finding]:
    """Open the database as `serve` would, and judge the access by the same rule."""
    try:
        database = build_database(settings)
    except StartupError as error:
        return [_say("database", str(error), "")]
    accounts = Accounts(database, time.time, settings.admin_key, required=settings.auth == "on")
    if settings.database_url is None and not (settings.data_dir / "reelgate.sqlite3").exists():
        return [_say("database", None, "SQLite, made by the first start"), _access(settings, guarded=accounts.guarded)]
    try:
        with lock(settings):
            found = await database.check()
            async with database.read() as session:
                has_tables = await (await session.connection()).run_sync(begun)
            if has_tables:
                await accounts.load()
            else:
                found = f"{found}, its tables made by the first start"
    except (StartupError, DatabaseUnavailable) as error:
        return [_say("database", str(error), "")]
    finally:
        await database.close()
    return [_say("database", None, found), _access(settings, guarded=accounts.guarded)]


async def _media(settings: Settings) -> Finding:
    """Write, read and delete an object where media is kept."""
    folder = settings.data_dir.absolute() / "media"
    if settings.media_url is None and not folder.exists():
        return _say("media", None, f"{folder}, made by the first start")
    try:
        if settings.media_url is None:
            await build_media(settings).probe()
        else:
            await open_media(settings)
    except (StartupError, StoreFault) as error:
        return _say("media", str(error), "")
    return _say("media", None, f"{settings.media_url or folder}: an object was written, read and deleted")


async def _renderer() -> Finding:
    """Render a real clip in a child process and read it back."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "check.mp4"
        spec = RenderSpec("text-to-video", "doctor", 1, "doctor", 320, 180, 1.0, str(target))
        try:
            await children.run("app.providers.local.render", spec.to_json(), timeout=60)
            facts = await inspect_video(target)
        except (ChildError, MediaError) as error:
            return _say("renderer", f"cannot render: {error}", "")
    return _say("renderer", None, f"H.264 and AAC work ({facts.num_frames} frames, {facts.width}x{facts.height})")


async def _providers(settings: Settings) -> dict[str, Finding]:
    """Ask each configured provider how it stands, without spending."""
    try:
        providers = build_providers(settings, load_catalogue(settings), settings.data_dir / "scratch")
    except StartupError as error:
        return {"providers": _say("providers", str(error), "")}
    results: dict[str, Finding] = {}
    for name, provider in providers.items():
        if isinstance(provider, Checks):
            try:
                results[name] = _say(name, None, await provider.check())
            except ProviderError as error:
                results[name] = _say(name, f"{error} ({error.said})" if error.said else str(error), "")
        else:
            results[name] = _say(name, None, provider.title)
        await provider.close()
    return results


async def _public_url(settings: Settings, providers: tuple[str, ...], *, running: bool) -> Finding:
    """Ask for the gateway at its public address, and say what comes of it for the providers that there are."""
    if settings.public_url is None:
        without = " ".join(_WITHOUT[name] for name in providers if name in _WITHOUT)
        fact = f"REELGATE_PUBLIC_URL is unset: links begin with the address of the request. {without}"
        return _say("public url", None, fact.rstrip())
    try:
        found = await check_public_url(settings.public_url, running=running)
    except PublicUrlError as error:
        return _say("public url", str(error), "")
    told = f"; fal tells of the end at {settings.public_url}/v1/callbacks" if "fal" in providers else ""
    return _say("public url", None, f"{found}{told}")


def _gateway(settings: CommandSettings, running: str | None) -> Finding:
    would = f"not running; `{program()} serve` would use {settings.host}:{settings.port}"
    fact = f"runs on {running}" if running else would
    if settings.base_url and addresses(settings, None) != [running]:
        fact += ". What is checked is this machine: REELGATE_BASE_URL, which names another gateway, is left aside"
    return _say("gateway", None, fact)


def _access(settings: Settings, *, guarded: bool) -> Finding:
    try:
        check_access(settings, guarded=guarded)
    except StartupError as refusal:
        return _say("access", str(refusal), "")
    if guarded:
        fact = "REELGATE_ADMIN_KEY is set" if settings.admin_key else f"by the keys in `{program()} keys list`"
    else:
        fact = f"open: no key is needed by anyone who reaches {settings.host}"
    return _say("access", None, fact)
