"""What benchmarks start: gateways, the cheap upstream, the bare route; and what a process has cost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ADMIN_KEY = "bench-admin-key-0123456789"
_TICKS = os.sysconf("SC_CLK_TCK")
_START_SECONDS = 60.0
_MIB = 1 << 20
_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Served:
    """A server on loopback. `http` sends `key` with every request; `seconds` from its start until it was ready."""

    url: str
    pid: int
    http: httpx.Client
    key: str
    seconds: float


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of a process and its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / _TICKS


def family_seconds(pid: int) -> float:
    """Return those of a process and of its children that run still, too."""
    alive = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    return cpu_seconds(pid) + sum(map(cpu_seconds, alive))


def rss_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _MIB


@contextmanager
def program(module: str, *arguments: str) -> Iterator[str]:
    """Run `python -m module` until the block ends, and give the first line that it says."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline().strip() if process.stdout else ""
            if not line:
                raise RuntimeError(f"{module} did not start")
            yield line
        finally:
            process.kill()


@contextmanager
def upstream() -> Iterator[str]:
    """Run `bench.upstream` in a process of its own and give its address."""
    with program("bench.upstream") as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def gateway(folder: Path, *, key: str | None = None, **settings: str) -> Iterator[Served]:
    """Run `reelgate serve` with auth on; its calls carry `key`, else that of a new member."""
    port = int(settings.get("REELGATE_PORT") or free_port())
    environment = {
        "REELGATE_DATA_DIR": str(folder / "data"),
        "REELGATE_PORT": str(port),
        "REELGATE_LOG_LEVEL": "warning",
        "REELGATE_ADMIN_KEY": ADMIN_KEY,
        **settings,
    }
    with served([sys.executable, "-m", "app", "serve"], folder, port, "/readyz", environment) as server:
        if key is None:
            made = server.http.post("/v1/keys", json={"name": "bench"}, headers=bearer(ADMIN_KEY))
            key = str(made.raise_for_status().json()["key"])
        server.http.headers.update(bearer(key))
        yield Served(server.url, server.pid, server.http, key, server.seconds)


def called(port: int) -> dict[str, str]:
    """Return the settings of a gateway on that port whose provider calls it back."""
    return {"REELGATE_PORT": str(port), "REELGATE_PUBLIC_URL": f"http://127.0.0.1:{port}"}


@contextmanager
def upstream_settings() -> Iterator[dict[str, str]]:
    """Run the cheap upstream and give the settings of a gateway that works with it, and hardly ever asks it."""
    with upstream() as url:
        yield {"XAI_API_KEY": "key", "REELGATE_XAI_URL": f"{url}/v1", "REELGATE_POLL_SECONDS": "300"}


@contextmanager
def served(command: list[str], folder: Path, port: int, path: str, environment: Mapping[str, str]) -> Iterator[Served]:
    """Run a server of this checkout until the block ends; it is ready once `path` answers well.

    Of this process's environment it sees the PATH only. Its output goes to `folder`/log.
    """
    folder.mkdir(exist_ok=True)
    seen = {"PATH": os.environ["PATH"], "PYTHONPATH": str(_ROOT), **environment}
    began = time.monotonic()
    with (
        (folder / "log").open("ab") as log,
        subprocess.Popen(command, env=seen, cwd=folder, stdout=log, stderr=log) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as http,
    ):
        try:
            _await_ready(process, http, path, folder / "log")
            yield Served(str(http.base_url).rstrip("/"), process.pid, http, "", time.monotonic() - began)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def _await_ready(process: subprocess.Popen[bytes], http: httpx.Client, path: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if http.get(path).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.005)
    raise RuntimeError(f"a server did not start; it said:\n{log.read_text(errors='replace')[-2000:]}")


def bearer(key: str) -> dict[str, str]:
    """Return the header that carries a key."""
    return {"authorization": f"Bearer {key}"}
