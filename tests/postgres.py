"""A throw-away Postgres server for tests: real processes, durable (fsync on), on a free port of loopback.

    with cluster() as server:
        url = server.url("gateway")   # postgresql+asyncpg://…; the database is made when first asked for
        server.restart("immediate")   # every connection is cut, the log is replayed, as after a crash

Tests that need one are marked `@needs_postgres` and say why they are skipped where no server is installed.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

Mode: TypeAlias = Literal["smart", "fast", "immediate"]

_OWNER = "reelgate"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
}
_SECONDS = "120"  # that a start or stop may take on a busy machine


def binaries() -> Path | None:
    """Return the folder of `initdb` and `pg_ctl`: on the PATH, or where Debian has the newest."""
    if (found := shutil.which("initdb")) and shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return packaged[-1].parent if packaged else None


needs_postgres = pytest.mark.skipif(binaries() is None, reason="no Postgres server is installed (initdb, pg_ctl)")


@dataclass
class Server:
    """A running server; `folder` holds its data and its log."""

    folder: Path
    port: int
    user: str | None  # the account it runs under; None: our own
    _names: set[str] = field(default_factory=set)

    def url(self, name: str) -> str:
        """Return the URL of a database, which is made if it is new. Not for names from outside."""
        if name not in self._names:
            with ThreadPoolExecutor(1) as aside:  # the caller may run in a loop
                aside.submit(asyncio.run, self._create(name)).result()
            self._names.add(name)
        return self._url(name)

    def start(self) -> None:
        """Start it where it was stopped, on the same port."""
        options = " ".join(f"-c {name}='{value}'" for name, value in {**_SETTINGS, "port": self.port}.items())
        self._control("start", "-l", str(self.folder / "log"), "-o", options)

    def stop(self, mode: Mode = "fast") -> None:
        """Stop it: `fast` cuts connections, `immediate` is a crash."""
        self._control("stop", "-m", mode)

    def restart(self, mode: Mode = "fast") -> None:
        """Stop it in that way and start it again; after `immediate` it replays its log first."""
        self._control("restart", "-m", mode, "-l", str(self.folder / "log"))

    def _url(self, name: str) -> str:
        return f"postgresql+asyncpg://{_OWNER}@127.0.0.1:{self.port}/{name}"

    async def _create(self, name: str) -> None:
        engine = create_async_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        try:
            async with engine.connect() as connection:
                await connection.execute(text(f'CREATE DATABASE "{name}"'))
        finally:
            await engine.dispose()

    def _control(self, verb: str, *options: str) -> None:
        _run("pg_ctl", verb, "-D", str(self.folder / "data"), "-s", "-w", "-t", _SECONDS, *options, user=self.user)


@contextmanager
def cluster() -> Iterator[Server]:
    """Make a server, run it for the block and remove everything."""
    user = _account()
    # Not a test's own folder: that one is closed to other accounts, and Postgres does not run as root.
    folder = Path(tempfile.mkdtemp(prefix="reelgate-postgres-"))
    if user:
        shutil.chown(folder, user)
    try:
        _run(
            "initdb",
            "-D",
            str(folder / "data"),
            "-U",
            _OWNER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "-N",
            user=user,
        )
        server = Server(folder, free_port(), user)
        server.start()
        try:
            yield server
        finally:
            if (folder / "data" / "postmaster.pid").exists():
                server.stop("immediate")
    finally:
        shutil.rmtree(folder)


def _account() -> str | None:
    """Return the account for the server: Postgres refuses to run as root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _run(program: str, *arguments: str, user: str | None) -> None:
    folder = binaries()
    if folder is None:
        raise FileNotFoundError("no Postgres server is installed (initdb, pg_ctl)")
    # The server must not hold a pipe of ours: it outlives the command that starts it.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            [str(folder / program), *arguments],
            check=False,
            cwd="/",
            user=user,
            group=pwd.getpwnam(user).pw_gid if user else None,
            extra_groups=[] if user else None,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
        if done.returncode:
            said.seek(0)
            raise RuntimeError(f"{program} failed: {said.read().decode(errors='replace')}")
