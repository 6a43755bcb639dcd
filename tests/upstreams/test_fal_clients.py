"""The official clients of fal.ai, unchanged but for the hosts, against the fake; the fake's ledger is the oracle."""

from __future__ import annotations

import base64
import fcntl
import io
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.serving import environment_without
from tests.upstreams.behaviour import Rule, fail
from tests.upstreams.clock import Clock
from tests.upstreams.fal import KEY, FakeFal, Settings
from tests.upstreams.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENTS = Path(__file__).parent / "clients"
PYTHON_CLIENT = "fal-client==1.0.3"
TARGET = CLIENTS.parents[2] / ".sdk" / PYTHON_CLIENT.replace("==", "-")
FLAGGED_UNITS = 1.4
T2V_SECOND, T2V_UNIT = 70_000, 50_000  # micro-dollars


@pytest.fixture(scope="module")
def picture() -> str:
    file = io.BytesIO()
    Image.new("RGB", (300, 400), "navy").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture(scope="module")
def fake() -> Iterator[tuple[FakeFal, str]]:
    # Its time stands still until a program puts it forward, so that what a client sees depends on no machine's haste.
    fake = FakeFal(Settings(queue=1, run=1), Clock(held=True))
    fake.rules.add(Rule(on="job", do=fail(422, units=FLAGGED_UNITS), match={"prompt": "flagged"}, times=None))
    with run(fake.app) as url:
        yield fake, url


def ran(*command: str, **env: str) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**environment_without(), **env})
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def install(what: str, place: Path, *command: str) -> None:
    """Install it where it is not there, one worker of the tests after the other."""
    folder = os.open(CLIENTS, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if place.is_dir():
            return
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        os.close(folder)
    if done.returncode:
        pytest.skip(f"{what} cannot be installed here: {done.stderr[-200:]}")


@pytest.fixture(scope="module")
def python(fake: tuple[FakeFal, str], picture: str) -> dict[str, Any]:
    if find_spec("fal_client") is None:
        install(
            PYTHON_CLIENT, TARGET, sys.executable, "-m", "pip", "install", "-q", "--target", str(TARGET), PYTHON_CLIENT
        )
    return ran(sys.executable, str(CLIENTS / "fal_program.py"), fake[1], KEY, picture, PYTHONPATH=str(TARGET))


@pytest.fixture(scope="module")
def node(fake: tuple[FakeFal, str], picture: str) -> dict[str, Any]:
    if shutil.which("npm") is None:
        pytest.skip("npm is not here")
    package = CLIENTS / "node_modules" / "@fal-ai" / "client"
    install("@fal-ai/client", package, "npm", "install", "--no-package-lock", "--no-audit", "--prefix", str(CLIENTS))
    return ran("node", str(CLIENTS / "fal_program.mjs"), fake[1], KEY, picture)


def test_the_python_client_runs_jobs(python: dict[str, Any], fake: tuple[FakeFal, str]) -> None:
    video = python["subscribe"]["video"]
    assert (video["width"], video["height"], video["num_frames"], video["duration"]) == (1280, 720, 49, 2.041667)
    assert python["subscribe"]["bytes"] > 1000
    assert python["states"] == ["Completed", "InProgress", "Queued"]
    assert python["logs"] == [f"step {number}/4" for number in (1, 2, 3, 4)]
    assert python["status"] == ["Queued", 2]
    assert python["completed"] == "Completed"
    assert python["cancelled"] == "client_cancelled"
    [paid] = fake[0].ledger.by_prompt("python subscribes")
    assert (paid.body, paid.charged, paid.outcome) == (
        {"prompt": "python subscribes", "duration": 2},
        2 * T2V_SECOND,
        "completed",
    )
    assert KEY not in str(paid.headers)


def test_the_python_client_uploads(python: dict[str, Any], fake: tuple[FakeFal, str]) -> None:
    assert python["uploaded"]
    assert python["uploaded_by_storage"]
    assert python["multipart"] == "more than one part of seven"
    assert (python["moving"]["width"], python["moving"]["height"]) == (720, 960)
    # The one leak is the client's own (fal.md §4.1): the PUT after an initiate carries its key to the CDN.
    assert len([path for path in fake[0].ledger.leaks if "picture.png" in path]) == 1


def test_the_python_client_reports_errors(python: dict[str, Any], fake: tuple[FakeFal, str]) -> None:
    assert python["wrong"]["status"] == 422
    assert python["wrong"]["message"][0]["type"] == "less_than_equal"
    assert python["flagged"]["status"] == 422
    assert python["flagged"]["message"][0]["type"] == "content_policy_violation"
    assert not fake[0].ledger.by_prompt("python errs")
    [flagged] = fake[0].ledger.by_prompt("python is flagged")
    assert (flagged.outcome, flagged.charged) == ("failed", FLAGGED_UNITS * T2V_UNIT)


def test_the_node_client_runs_jobs(node: dict[str, Any], fake: tuple[FakeFal, str]) -> None:
    [paid] = fake[0].ledger.by_prompt("node subscribes")
    assert node["subscribe"]["requestId"] == paid.request_id
    assert node["subscribe"]["video"]["num_frames"] == 49
    assert node["subscribe"]["bytes"] > 1000
    assert "COMPLETED" in node["subscribe"]["states"]
    assert node["streamed"] == 145
    assert node["status"] == "IN_QUEUE"
    assert node["completed"]["status"] == "COMPLETED"
    assert len(node["completed"]["logs"]) == 4
    assert node["result"] == 6.041667
    assert node["cancelled"]["error_type"] == "client_cancelled"
    assert paid.headers["x-fal-queue-priority"] == "normal"


def test_the_node_client_uploads(node: dict[str, Any], fake: tuple[FakeFal, str]) -> None:
    assert node["uploaded"]
    assert node["multipart"] == 91 * 1024 * 1024
    assert (node["moving"]["width"], node["moving"]["height"]) == (720, 960)
    [paid] = fake[0].ledger.by_prompt("node moves a picture")
    assert paid.charged == 72_000


def test_the_node_client_reports_errors(node: dict[str, Any]) -> None:
    assert (node["wrong"]["name"], node["wrong"]["status"]) == ("ValidationError", 422)
    assert node["wrong"]["body"]["detail"][0]["ctx"] == {"le": 15}
    assert node["flagged"]["body"]["detail"][0]["type"] == "content_policy_violation"
