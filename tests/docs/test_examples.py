"""Every python, bash and javascript block of the README and the guide runs as it stands, against a real gateway."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest

from tests.sdk.install import node_sdk
from tests.serving import environment_without

if TYPE_CHECKING:
    from tests.serving import Running

ROOT = Path(__file__).parent.parent.parent
BLOCK = re.compile(r"^```(python|bash|javascript)\n(.*?)^```", re.MULTILINE | re.DOTALL)
WRITTEN = re.compile(r"\b[\w-]+\.(?:mp4|webp|jpg)\b")
NEEDS = {"bash": ("curl", "jq"), "javascript": ("node", "npm"), "python": ()}


class Example(NamedTuple):
    """A block of a page."""

    page: str
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def examples(path: Path) -> list[Example]:
    text = path.read_text()
    page = str(path.relative_to(ROOT))
    return [Example(page, text.count("\n", 0, found.start()) + 1, *found.groups()) for found in BLOCK.finditer(text)]


README = examples(ROOT / "README.md")
LOOP = next(example for example in README if "while true" in example.code)
RECEIVERS = "docs/webhooks.md"  # they run until they are stopped: test_webhook_receivers.py
GUIDE = [
    example for path in sorted((ROOT / "docs").rglob("*.md")) for example in examples(path) if example.page != RECEIVERS
]


@pytest.mark.parametrize("example", [each for each in README + GUIDE if each != LOOP], ids=str)
def test_the_example_runs(example: Example, gateway: Running, tmp_path: Path) -> None:
    output = run(example, gateway, tmp_path)
    for name in set(WRITTEN.findall(example.code)):
        assert (tmp_path / name).stat().st_size > 0, output


def test_the_polling_loop_ends_with_a_link_that_needs_no_key(gateway: Running, tmp_path: Path) -> None:
    *_, status, url = run(LOOP, gateway, tmp_path).splitlines()
    assert status == "Status: completed"
    assert httpx.get(url).content[4:8] == b"ftyp"


def test_the_readme_has_an_example_in_every_language() -> None:
    assert {example.language for example in README} == set(NEEDS)


def run(example: Example, gateway: Running, folder: Path) -> str:
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
        "OPENAI_BASE_URL": f"{gateway.url}/v1",
        "OPENAI_API_KEY": "none",
        "REELGATE_BASE_URL": gateway.url,
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
