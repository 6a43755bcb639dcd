"""The OpenAI SDKs that people have in their programs, unchanged, against a real gateway."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.sdk.install import node_is_missing, node_sdk, python_sdk
from tests.serving import environment_without, serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bucket import Bucket
    from tests.serving import Running

ADMIN_KEY = "an-admin-key-of-the-sdk-tests"
PATIENCE = 300  # seconds, for a machine that has much else to do
FIRST = [  # what openai-python 2.2.0 could do already
    "list_pages_through_everything",
    "create_and_poll",
    "poll_interval_comes_from_the_gateway",
    "files_in_every_form",
    "references_in_the_body",
    "content",
    "delete",
    "remix",
    "errors",
    "models",
    "async_client",
]
LATER = ["edit_and_extend", "characters"]
NODE = [
    "list_pages_through_everything",
    "create_and_retrieve",
    "files_in_every_form",
    "references_in_the_body",
    "content",
    "delete",
    "remix",
    "edit_and_extend",
    "characters",
    "errors",
    "models",
]


pytestmark = pytest.mark.timeout(PATIENCE)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Serve with keys required, as a deployment does."""
    with serve(settings_for(tmp_path_factory.mktemp("sdk"), admin_key=ADMIN_KEY)) as running:
        yield running


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "red.png"
    Image.new("RGB", (200, 200), (200, 20, 20)).save(path)
    return path


def run(gateway: Running, command: list[str], checks: list[str], **environment: str) -> dict[str, Any]:
    """Run a program as a user of its own and return what it reports; its warnings are errors."""
    admin = {"authorization": f"Bearer {ADMIN_KEY}"}
    key = gateway.http.post("/v1/keys", json={"name": command[-1][-60:]}, headers=admin).json()["key"]
    done = subprocess.run(
        [*command, *checks],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE - 20,
        env={
            **environment_without("OPENAI_", "PYTHON"),
            "OPENAI_BASE_URL": f"{gateway.url}/v1",
            "OPENAI_API_KEY": key,
            **environment,
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    report: dict[str, Any] = json.loads(done.stdout)
    for name, fault in report["failed"].items():
        sys.stderr.write(f"{name}: {fault}\n")
    return report


@pytest.mark.parametrize(
    ("version", "checks"),
    [("2.2.0", FIRST), ("2.54.0", [*FIRST, *LATER]), ("", [*FIRST, *LATER])],
    ids=["2.2.0", "2.54.0", "installed"],
)
def test_openai_python_works_unchanged(guarded: Running, picture: Path, version: str, checks: list[str]) -> None:
    path = {"PYTHONPATH": str(python_sdk(version))} if version else {}
    program = Path(__file__).with_name("program.py")
    report = run(guarded, [sys.executable, "-W", "error", str(program), str(picture)], checks, **path)
    assert report["version"].startswith(version or "3.")
    assert report["failed"] == {}
    assert report["passed"] == checks


@pytest.mark.skipif(node_is_missing(), reason="needs node and npm on the PATH")
def test_openai_node_works_unchanged(guarded: Running, picture: Path) -> None:
    report = run(guarded, ["node", str(node_sdk() / "program.mjs"), str(picture)], NODE)
    assert report["version"].startswith("6.")
    assert report["failed"] == {}
    assert report["passed"] == NODE


@pytest.mark.parametrize("language", ["python", "node"])
def test_the_sdks_follow_to_the_bucket_and_keep_their_key_to_themselves(
    bucket: Bucket, start_gateway: Callable[..., Running], picture: Path, language: str
) -> None:
    if language == "node" and node_is_missing():
        pytest.skip("needs node and npm on the PATH")
    gateway = start_gateway(admin_key=ADMIN_KEY, media_url=bucket.url, media_redirect=True)
    if language == "node":
        command = ["node", str(node_sdk() / "program.mjs"), str(picture)]
    else:
        command = [sys.executable, "-W", "error", str(Path(__file__).with_name("program.py")), str(picture)]
    assert run(gateway, command, ["content"])["passed"] == ["content"]
    assert bucket.direct
    assert set(bucket.direct) == {None}
