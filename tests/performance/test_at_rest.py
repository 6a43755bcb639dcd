"""What a gateway holds that has answered and rests: the modules that it needs, and no more memory than planned.

It runs in a process of its own, as deployed; a second time, for the first makes the tables.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.start import installed_mib
from tests.ports import free_port

ROOT = Path(__file__).parent.parent.parent
BARE = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
LATE = {"PIL", "aiohttp", "alembic", "asyncpg", "attr", "av", "cryptography", "mako", "nacl", "numpy", "pygments"}
LATE |= {"standardwebhooks", "websockets"}
MOST_MIB = 110  # the goal is 100; other systems' libraries weigh more or less
MOST_INSTALLED_MIB = 320  # the goal is 300, missed by what av and numpy weigh (docs/performance.md)
SERVE = """
import gc, json, os, signal, sys, threading, time
from urllib.error import HTTPError
from urllib.request import urlopen

def get(path):
    with urlopen(f"http://127.0.0.1:{sys.argv[1]}{path}") as answer:
        return answer.read()

def look():
    while True:
        try:
            get("/readyz")
            break
        except OSError:
            time.sleep(0.05)
    try:
        get("/v1/videos/video_of_nobody")
    except HTTPError as refusal:
        status = refusal.code
    get("/v1/videos")
    pages = int(open("/proc/self/statm").read().split()[1])
    said.update(
        status=status, mib=pages * os.sysconf("SC_PAGE_SIZE") / 2**20, modules=sorted(sys.modules),
        collects=gc.isenabled(), kept=gc.get_freeze_count(),
    )
    os.kill(os.getpid(), signal.SIGTERM)

said = {}
threading.Thread(target=look, daemon=True).start()
from app.cli import cli
cli(["serve", "--port", sys.argv[1]], standalone_mode=False)
print(json.dumps(said), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("data")
    _serve(folder)
    return _serve(folder)


def _serve(folder: Path) -> dict[str, Any]:
    settings = BARE | {"REELGATE_DATA_DIR": str(folder), "REELGATE_PROVIDERS": "local", "REELGATE_LOG_LEVEL": "error"}
    command = [sys.executable, "-c", SERVE, str(free_port())]
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, check=True, timeout=90)
    said: dict[str, Any] = json.loads(done.stderr.splitlines()[-1])
    return said


def test_a_gateway_at_rest_has_not_loaded_what_only_some_requests_need(rest: dict[str, Any]) -> None:
    assert rest["status"] == 404
    assert LATE & set(rest["modules"]) == set()


def test_a_gateway_at_rest_keeps_within_its_memory(rest: dict[str, Any]) -> None:
    assert rest["mib"] <= MOST_MIB


def test_garbage_is_collected_once_it_serves_but_not_looked_for_in_what_was_loaded(rest: dict[str, Any]) -> None:
    assert rest["collects"]
    assert rest["kept"] > 100_000


def test_the_packages_at_run_time_weigh_no_more_than_planned() -> None:
    pins = (ROOT / "requirements.lock").read_text(encoding="utf-8").split()
    assert sum(installed_mib(pin.partition("==")[0]) for pin in pins) <= MOST_INSTALLED_MIB
