"""Every python, bash and javascript block of the pages runs as it stands, here or against what it was written for."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own

from app.domain import catalogue
from tests.sdk.install import node_sdk
from tests.serving import environment_without
from tests.upstreams import aimlapi, fal
from tests.upstreams.running import run as serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.serving import Running

ROOT = Path(__file__).parent.parent.parent
BLOCK = re.compile(r'^```([a-z]+)(?: title="([^"\n]*)")?\n(.*?)^```', re.MULTILINE | re.DOTALL)
WRITTEN = re.compile(r"\b[\w-]+\.(?:mp4|webp|jpg)\b")
PRINTED = re.compile(r" # => (.+)$", re.MULTILINE)
NEEDS = {"bash": ("curl", "jq"), "javascript": ("node", "npm"), "python": ()}
DATA = {"json": json.loads, "yaml": yaml.safe_load, "toml": lambda text: catalogue.load(text) and tomllib.loads(text)}
DRAWING = "text"
ADMIN = "an-admin-key-for-the-examples"
# Programs of console blocks that no test can run as they stand, and why. What can run is a bash block.
NOT_RUN = {
    "make": "sets up an environment or takes minutes: CI runs it, and tests/test_package.py what it sets up",
    "pip": "installs into the reader's own environment, and needs a registry",
    "reelgate serve": "runs until it is stopped: tests/cli/test_serve.py",
    "docker": "needs a container engine: tests/test_compose.py and test_package.py do what the files say",
}
# The same for whole blocks, by page and heading.
NOT_RUN_UNDER = {
    "docs/deployment.md: systemd": "needs root and systemd: tests/deploy/test_systemd.py",
    "docs/deployment.md: Upgrading": "replaces what is installed: test_package.py installs, tests/db upgrades",
    "docs/scaling.md: Making the database": "needs root: tests/deploy/test_postgres_account.py",
    "docs/deployment.md: Kubernetes": "needs a cluster: tests/deploy/test_kubernetes.py",
    "docs/deployment.md: SQLite and the data folder": "is about folders of a machine: tests/deploy/test_backup.py",
    "docs/deployment.md: Postgres and a bucket": "is about a database and a bucket of the reader's",
}


class Example(NamedTuple):
    """A block of a page. One whose title begins with "Before" is for another system."""

    page: str
    line: int
    language: str
    title: str
    code: str
    heading: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def examples(path: Path) -> list[Example]:
    text = path.read_text()
    page = str(path.relative_to(ROOT))
    found = []
    for block in BLOCK.finditer(text):
        above = text[: block.start()]
        language, title, code = block.groups("")
        found.append(Example(page, above.count("\n") + 1, language, title, code, _heading(above)))
    return found


def _heading(above: str) -> str:
    """Return the last heading of a text."""
    prose = re.sub(r"^```.*?^```", "", above, flags=re.MULTILINE | re.DOTALL)
    headings: list[str] = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return headings[-1]


EVERY = [
    example
    for path in (*sorted(ROOT.glob("[A-Z]*.md")), *sorted((ROOT / "docs").rglob("*.md")))
    for example in examples(path)
]
README = [example for example in EVERY if example.page == "README.md"]
LOOP = next(example for example in README if "while true" in example.code)
RECEIVERS = "docs/webhooks.md"
RUN_BY = {  # pages with a test of their own
    RECEIVERS: "tests/docs/test_webhook_receivers.py",  # its samples run until they are stopped
    "docs/cli.md": "tests/cli/test_cli_docs.py",  # its commands stand with what they print
}
PROGRAMS = [each for each in EVERY if each.language in NEEDS and each.page not in RUN_BY and each != LOOP]
BEFORE = [each for each in PROGRAMS if each.title.startswith("Before:")]
OPERATORS = [each for each in PROGRAMS if re.search(r"\breelgate (?:keys|links) ", each.code)]  # whom it lets in


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[dict[str, str]]:
    """Serve what stands in for the providers that a program calls before it is moved, by the addresses it calls."""
    quick = fal.FakeFal(fal.Settings(queue=0.05, run=0.1))
    with serving(quick.app) as fal_url, serving(aimlapi.FakeAimlApi(seconds=0.1).app) as aimlapi_url:
        yield {"https://queue.fal.run": fal_url, "https://api.aimlapi.com": aimlapi_url}


@pytest.mark.parametrize("example", [each for each in PROGRAMS if each not in BEFORE + OPERATORS], ids=str)
def test_the_example_runs(example: Example, gateway: Running, tmp_path: Path) -> None:
    _check(example, tmp_path, run(example, gateway, tmp_path))


@pytest.mark.parametrize("example", BEFORE, ids=str)
def test_the_example_of_another_system_runs_there(
    example: Example, elsewhere: dict[str, str], gateway: Running, tmp_path: Path
) -> None:
    code = example.code
    for address, stand_in in elsewhere.items():
        code = code.replace(address, stand_in)
    hosts = f'hosts.QUEUE_URL_FORMAT = "{elsewhere["https://queue.fal.run"]}/"'  # no variable takes an http address
    (tmp_path / "sitecustomize.py").write_text(f"import fal_client.client as hosts\n{hosts}\n")
    _check(example, tmp_path, run(example._replace(code=code), gateway, tmp_path, FAL_KEY=fal.KEY))


@pytest.mark.parametrize("example", OPERATORS, ids=str)
def test_the_example_for_operators_runs_on_a_gateway_of_its_own(
    example: Example, start_gateway: Callable[..., Running], tmp_path: Path
) -> None:
    if "$KEY_ID" not in example.code or "KEY_ID=" in example.code:
        _check(example, tmp_path, run(example, start_gateway(), tmp_path))
        return
    gateway = start_gateway(admin_key=ADMIN)
    admin = {"Authorization": f"Bearer {ADMIN}"}
    made = gateway.http.post("/v1/keys", json={"name": "somebody"}, headers=admin).json()
    theirs = {"Authorization": f"Bearer {made['key']}"}
    asked = {"prompt": "a calm sea", "seconds": 1, "resolution": "480p"}
    assert gateway.http.post("/v1/videos", json=asked, headers=theirs).status_code == 200
    output = run(example, gateway, tmp_path, REELGATE_API_KEY=ADMIN, KEY_ID=made["id"])
    assert '"deleted":true' in output
    assert gateway.http.get("/v1/videos", headers=theirs).status_code == 401, "the old secret is no good any more"


def test_the_polling_loop_ends_with_a_link_that_needs_no_key(gateway: Running, tmp_path: Path) -> None:
    *_, status, url = run(LOOP, gateway, tmp_path).splitlines()
    assert status == "Status: completed"
    assert httpx.get(url, timeout=60).content[4:8] == b"ftyp"


def test_the_readme_has_an_example_in_every_language() -> None:
    assert {example.language for example in README} >= set(NEEDS)


@pytest.mark.parametrize("example", [each for each in EVERY if each.language not in NEEDS], ids=str)
def test_a_block_that_is_no_program_is_data_or_a_command_that_cannot_run_here(example: Example) -> None:
    if example.language in DATA:
        DATA[example.language](example.code)
    elif example.language != DRAWING and example.page not in RUN_BY:
        assert example.language == "console", "make it bash, python, javascript or console"
        listed = f"{example.page}: {example.heading}" in NOT_RUN_UNDER
        assert listed or not runnable(example), "make it a bash block, or say in NOT_RUN or NOT_RUN_UNDER why not"


def test_the_list_of_programs_that_are_not_run_is_no_longer_than_needed() -> None:
    console = [example for example in EVERY if example.language == "console"]
    assert set(NOT_RUN) <= {name for example in console for name in programs(example)}
    assert set(NOT_RUN_UNDER) <= {f"{example.page}: {example.heading}" for example in console if runnable(example)}


def runnable(example: Example) -> list[str]:
    """Return the programs of a console block that nothing is said about."""
    return sorted(set(programs(example)) - set(NOT_RUN))


def programs(example: Example) -> list[str]:
    """Return the program of each command of a console block; of ours, with its command."""
    lines = example.code.replace("\\\n", " ").splitlines()
    words = [[word for word in line.partition("#")[0].split() if not re.match(r"[A-Z_]+=", word)] for line in lines]
    commands = [line for line in words if line and line[0] != "export"]
    return [" ".join(line[:2]) if line[0] == "reelgate" else line[0] for line in commands]


def run(example: Example, gateway: Running, folder: Path, **more: str) -> str:
    """Run a block in a folder that has what the pages take for granted: an environment."""
    missing = [name for name in NEEDS[example.language] if shutil.which(name) is None]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}")
    (folder / ".venv").symlink_to(sys.prefix)
    script = folder / {"python": "example.py", "bash": "example.sh", "javascript": "example.mjs"}[example.language]
    script.write_text(example.code)
    if example.language == "javascript":
        (folder / "node_modules").symlink_to(node_sdk() / "node_modules")
    command = {"python": [sys.executable], "bash": ["bash", "-eo", "pipefail"], "javascript": ["node"]}
    environment = {
        **environment_without("OPENAI_", "REELGATE_"),
        "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}",
        "OPENAI_BASE_URL": f"{gateway.url}/v1",
        "OPENAI_API_KEY": "none",
        "REELGATE_BASE_URL": gateway.url,
        "AIMLAPI_KEY": aimlapi.KEY,
        "PYTHONPATH": str(folder),
        **more,
    }
    done = subprocess.run(
        [*command[example.language], script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def _check(example: Example, folder: Path, output: str) -> None:
    """See that it wrote the files that it names and printed what it says it prints."""
    for name in set(WRITTEN.findall(example.code)):
        assert (folder / name).stat().st_size > 0, output
    for line in PRINTED.findall(example.code):
        assert line in output.splitlines(), output
