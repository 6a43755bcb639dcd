"""Content: a file of 64 MiB to eight clients at once, against nginx serving the same file."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.processes import gateway, rss_mib, served
from bench.results import Row, absent
from bench.store import fill
from bench.wrk import Target, in_turn
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.processes import Served
    from bench.results import Options

_SIZE_MIB, _PARALLEL = 64, 8
_SHARE, _GROWTH_MIB, _FIRST_MS = 0.6, 50, 20.0
_WHAT = f"content of {_SIZE_MIB} MiB, {_PARALLEL} parallel"
_GOAL = f"≥{_SHARE} of nginx"
_FIRSTS = 20
_CONFIG = """
daemon off; master_process off; error_log stderr; pid {folder}/pid;
events {{ worker_connections 64; }}
http {{
  access_log off; sendfile on; tcp_nopush on; default_type video/mp4;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


def rows(options: Options) -> Iterator[Row]:
    """Measure both in turn, then the first byte of each while it is busy."""
    if _program() is None:
        yield absent(_WHAT, _GOAL, "nginx is not installed")
        return
    with tempfile.TemporaryDirectory() as name:
        folder, local = Path(name), {"REELGATE_PROVIDERS": "local"}
        key = fill(folder, 1)
        film = next((folder / "data").rglob("video.mp4"))
        film.write_bytes(os.urandom(1 << 20) * _SIZE_MIB)
        with gateway(folder, key=key, **local) as ours, _nginx(folder, film.parent) as limit:
            video_id = ours.http.get("/v1/videos").raise_for_status().json()["data"][0]["id"]
            targets = [Target(ours, [f"/v1/videos/{video_id}/content"]), Target(limit, [f"/{film.name}"])]
            before = rss_mib(ours.pid)
            found, most = in_turn(targets, options.seconds, options.rounds, _PARALLEL)
            growth = rss_mib(ours.pid) - before
            first, first_nginx = (_first_byte_ms(target) for target in targets)
    share = found.mib_per_second / most.mib_per_second
    throughput = f"{found.mib_per_second:,.0f} MiB/s"
    yield Row(_WHAT, _GOAL, throughput, f"{most.mib_per_second:,.0f} MiB/s; nginx", share, share >= _SHARE)
    yield Row("the same, growth of RSS", f"≤{_GROWTH_MIB} MiB", f"{growth:.0f} MiB", met=growth <= _GROWTH_MIB)
    yield Row(
        f"first byte while {_PARALLEL} others download, p50",
        f"≤{_FIRST_MS:g} ms",
        f"{first:.1f} ms",
        f"{first_nginx:.1f} ms; nginx",
        first / first_nginx,
        first <= _FIRST_MS,
    )


def _first_byte_ms(target: Target) -> float:
    """Return the median time to the first byte of the body while others download."""
    server, path = target.server, target.paths[0]
    command = ["wrk", "-t1", f"-c{_PARALLEL}", "-d60s", "--timeout", "60s"]
    command += ["-H", f"authorization: Bearer {server.key}", f"{server.url}{path}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as others:
        try:
            time.sleep(0.5)
            took = []
            for _ in range(_FIRSTS):
                began = time.monotonic()
                with server.http.stream("GET", path) as answer:
                    next(answer.iter_raw(1))
                    took.append(1000 * (time.monotonic() - began))
        finally:
            others.kill()
    return statistics.median(took)


def _program() -> str | None:
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


@contextmanager
def _nginx(folder: Path, root: Path) -> Iterator[Served]:
    """Serve a folder with one nginx process."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        port, config = free_port(), Path(name, "nginx.conf")
        user = "user root;" if os.geteuid() == 0 else ""
        config.write_text(user + _CONFIG.format(folder=name, port=port, root=root), encoding="utf-8")
        command = [str(_program()), "-e", "stderr", "-p", name, "-c", str(config)]
        with served(command, Path(name), port, "/thumbnail.webp", {}) as server:
            yield server
