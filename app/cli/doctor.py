"""`reelgate doctor`: what works here, and what does not."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from app import children
from app.cli.connection import find_running
from app.cli.terminal import load_settings, out
from app.media.errors import MediaError
from app.media.probe import inspect_video
from app.providers.base import Checks, ProviderError
from app.providers.local.spec import RenderSpec

if TYPE_CHECKING:
    from app.config import Settings

_FREE_GIB = 1.0


def doctor() -> None:
    """Check this machine and its providers, without spending. Ends with status 1 if anything is wrong."""
    settings = load_settings()
    results = [
        _python(),
        _data_dir(settings),
        _sqlite(),
        asyncio.run(_renderer()),
        _gateway(settings),
        _auth(settings),
        *asyncio.run(_providers(settings)),
        _callbacks(settings),
    ]
    raise typer.Exit(0 if all(results) else 1)


def _say(name: str, problem: str | None, fact: str) -> bool:
    mark = "[green]ok  [/green]" if problem is None else "[red]FAIL[/red]"
    out.print(f"{mark} {name:<10} {fact if problem is None else problem}")
    return problem is None


def _python() -> bool:
    version = ".".join(map(str, sys.version_info[:3]))
    return _say("python", None, f"{version}, {os.cpu_count()} cores")


def _data_dir(settings: Settings) -> bool:
    folder = settings.data_dir.absolute()
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    if not os.access(existing, os.W_OK):
        return _say("data", f"{folder} is not writable; set REELGATE_DATA_DIR", "")
    free = shutil.disk_usage(existing).free / (1 << 30)
    problem = None if free > _FREE_GIB else f"only {free:.1f} GiB free in {folder}"
    return _say("data", problem, f"{folder}, {free:.0f} GiB free")


def _sqlite() -> bool:
    return _say("database", None, f"SQLite {sqlite3.sqlite_version}, one writer")


async def _renderer() -> bool:
    """Render a real clip in a child process and read it back."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "check.mp4"
        spec = RenderSpec("text-to-video", "doctor", 1, "doctor", 320, 180, 1.0, str(target))
        try:
            await children.run("app.providers.local.render", spec.to_json(), timeout=60)
            facts = await inspect_video(target)
        except (children.ChildError, MediaError) as error:
            return _say("renderer", f"cannot render: {error}", "")
    return _say("renderer", None, f"H.264 and AAC work ({facts.num_frames} frames, {facts.width}x{facts.height})")


async def _providers(settings: Settings) -> list[bool]:
    """Ask each configured provider how it stands, without spending."""
    # The help should not wait for the framework.
    from app.startup import StartupError, build_providers, load_catalogue  # noqa: PLC0415

    try:
        providers = build_providers(settings, load_catalogue(settings), settings.data_dir / "scratch")
    except StartupError as error:
        return [_say("providers", str(error), "")]
    results: list[bool] = []
    for name, provider in providers.items():
        if isinstance(provider, Checks):
            try:
                results.append(_say(name, None, await provider.check()))
            except ProviderError as error:
                results.append(_say(name, str(error), ""))
        else:
            results.append(_say(name, None, provider.title))
        await provider.close()
    return results


def _callbacks(settings: Settings) -> bool:
    if settings.public_url:
        return _say("callbacks", None, f"providers tell of the end at {settings.public_url}/v1/callbacks")
    return _say("callbacks", None, "REELGATE_PUBLIC_URL is unset: ends are found by polling, uploads go as data")


def _gateway(settings: Settings) -> bool:
    running = find_running(settings)
    fact = (
        f"runs on {running}" if running else f"not running; `reelgate serve` would use {settings.host}:{settings.port}"
    )
    return _say("gateway", None, fact)


def _auth(settings: Settings) -> bool:
    if settings.auth == "off" and not settings.loopback:
        return _say("access", None, "REELGATE_AUTH=off on a public address: anyone who reaches it can use it")
    fact = "REELGATE_ADMIN_KEY is set" if settings.admin_key else "by the keys in `reelgate keys list`"
    return _say("access", None, fact)
