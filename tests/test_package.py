"""What users install: the wheel, and the image as far as it can be built without a container engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
ADDRESS = re.compile(r"listens on (http://[0-9.:]+)/v1")
BARE = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
KEY = "an-admin-key-for-this-test"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "app").rglob("*") if path.is_file()}
    files = {name for name in files if "__pycache__" not in name}
    assert {"app/domain/catalogue.toml", "app/db/migrations/env.py"} <= files
    with zipfile.ZipFile(wheel) as archive:
        carried = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert carried == files


def test_the_wheel_serves_from_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home, symlinks=True)
    _run(sys.executable, "-m", "pip", "--python", home / "bin/python", "install", "--no-deps", "--no-index", wheel)
    _lend_dependencies(home)
    found = _run(home / "bin/python", "-c", "import app; print(app.__file__)", cwd=tmp_path)
    assert Path(found.strip()).is_relative_to(home)
    with _serving(home / "bin/reelgate", tmp_path) as http:
        _make_a_video(http)


@pytest.mark.skipif("CI" not in os.environ, reason="downloads every pin; CI does")
@pytest.mark.timeout(900)
def test_the_dockerfile_builds_a_gateway_that_serves_and_is_healthy(tmp_path: Path) -> None:
    """Replays the Dockerfile's own lines in a folder: the build stage, then entry point, environment, health check."""
    build, final = (ROOT / "Dockerfile").read_text().replace("\\\n", "").split("\n\n")
    source, prefix = tmp_path / "src", tmp_path / "opt/reelgate"
    source.mkdir()
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in build.splitlines():
        word, _, rest = line.partition(" ")
        if word == "COPY":
            *names, target = rest.split()
            assert set(names) <= allowed
            for name in names:
                _copy(ROOT / name, source / target / (name if (ROOT / name).is_file() else ""))
        elif word == "RUN":
            _run("bash", "-c", rest.replace("/opt/reelgate", str(prefix)), cwd=source)
    lines = dict(line.split(" ", 1) for line in final.splitlines() if not line.startswith(("COPY", "ENV")))
    variables = re.findall(r"(REELGATE_\w+)=(\S+)", final)
    command = [*json.loads(lines["ENTRYPOINT"]), *json.loads(lines["CMD"])]
    assert dict(variables)["REELGATE_DATA_DIR"] == lines["VOLUME"] == "/data"
    assert dict(variables)["REELGATE_PORT"] == lines["EXPOSE"]
    public = {"REELGATE_HOST": "0.0.0.0", "REELGATE_ADMIN_KEY": KEY}  # noqa: S104 - as the image does
    with _serving(prefix / "bin" / command[0], tmp_path, public) as http:
        _make_a_video(http)
        check = json.loads(lines["HEALTHCHECK"].partition("CMD ")[2])
        _run(prefix / "bin" / check[0], *check[1:], env={"REELGATE_PORT": str(http.base_url.port)})
    with pytest.raises(subprocess.CalledProcessError):  # nobody listens there any more
        _run(prefix / "bin" / check[0], *check[1:], env={"REELGATE_PORT": str(http.base_url.port)})


def _lend_dependencies(home: Path) -> None:
    """Let an environment see our dependencies. Path files in a lent folder are not read: ours leads to the sources."""
    packages = next(home.glob("lib/python3*/site-packages"))
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _run(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    return subprocess.run(
        command, cwd=cwd, env={**BARE, **(env or {})}, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


@contextmanager
def _serving(program: Path, folder: Path, env: dict[str, str] | None = None) -> Iterator[httpx.Client]:
    """Run `reelgate serve` in an empty working directory until the block ends."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    command: list[str | Path] = [program, "serve", "--port", "0", "--data-dir", folder / "data"]
    with subprocess.Popen(
        command, cwd=elsewhere, env={**BARE, **(env or {})}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            found = next(filter(None, map(ADDRESS.search, process.stdout)))
            url = found[1].replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - compared, not bound
            with httpx.Client(base_url=url, headers={"authorization": f"Bearer {KEY}"}, timeout=60) as http:
                assert http.get("/readyz").json()["status"] == "ok"
                yield http
        finally:
            process.terminate()
            process.wait(60)


def _make_a_video(http: httpx.Client) -> None:
    video = http.post("/v1/videos", json={"prompt": "a harbour", "seconds": 1, "resolution": "480p"}).json()
    deadline = time.monotonic() + 60
    while video["status"] in ("queued", "in_progress") and time.monotonic() < deadline:
        time.sleep(0.2)
        video = http.get(f"/v1/videos/{video['id']}").json()
    assert video["status"] == "completed", video
    assert http.get(video["url"]).content[4:8] == b"ftyp"
