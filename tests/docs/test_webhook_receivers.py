"""The receivers of docs/webhooks.md, as they stand: they take what the gateway signs, and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from app.domain import webhooks
from tests.docs.test_examples import NEEDS, RECEIVERS, ROOT, examples
from tests.receiver import wait_until
from tests.sdk.install import node_is_missing, node_sdk
from tests.serving import environment_without

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.serving import Running

SAMPLES = {example.language: example.code for example in examples(ROOT / RECEIVERS)}
TYPED = [example.code for example in examples(ROOT / RECEIVERS) if example.language == "bash"]
NEEDS_NODE = pytest.mark.skipif(node_is_missing(), reason="needs node and npm")


def command(language: str, folder: Path) -> list[str]:
    """Write the sample down and return how to run it."""
    if language == "python":
        (folder / "receiver.py").write_text(SAMPLES["python"])
        return [sys.executable, str(folder / "receiver.py")]
    (folder / "node_modules").symlink_to(node_sdk() / "node_modules")
    (folder / "receiver.mjs").write_text(SAMPLES["javascript"])
    return ["node", str(folder / "receiver.mjs")]


def listens(url: str) -> bool:
    try:
        httpx.post(url, content=b"{}", timeout=60)
    except httpx.TransportError:
        return False
    return True


@pytest.mark.parametrize("language", ["python", pytest.param("javascript", marks=NEEDS_NODE)])
def test_the_sample_takes_what_the_gateway_signs_and_nothing_else(
    start_gateway: Callable[..., Running], tmp_path: Path, unused_port: int, language: str
) -> None:
    gateway = start_gateway(allow_private_networks="127.0.0.1")
    url = f"http://127.0.0.1:{unused_port}/"
    asked = {"name": "sample", "url": url, "event_types": ["video.completed", "video.cancelled"]}
    endpoint = gateway.http.post("/v1/webhook_endpoints", json=asked).json()
    secret = {"OPENAI_WEBHOOK_SECRET": endpoint["signing_secret"], "PORT": str(unused_port)}
    heard = tmp_path / "heard"
    with heard.open("w") as out:
        sample = subprocess.Popen(
            command(language, tmp_path),
            env={**environment_without("OPENAI_", "REELGATE_"), **secret},
            stdout=out,
            stderr=subprocess.DEVNULL,
            cwd=tmp_path,
        )
    try:
        wait_until(lambda: listens(url), "receiver")
        forged = {"webhook-id": "evt_1", "webhook-timestamp": "1790000000", "webhook-signature": "v1,bm9uZQ=="}
        assert httpx.post(url, content=b'{"type": "video.completed"}', headers=forged, timeout=60).status_code == 400
        video = gateway.finished()
        log = f"/v1/webhook_endpoints/{endpoint['id']}/deliveries"
        wait_until(lambda: gateway.http.get(log, params={"status": "delivered"}).json()["data"], "delivery")
        (delivery,) = gateway.http.get(log).json()["data"]
        assert gateway.http.post(f"/v1/webhook_deliveries/{delivery['id']}/resend").status_code == 200
        wait_until(lambda: len(gateway.http.get(log).json()["data"][0]["attempts"]) == 2, "second delivery")
    finally:
        sample.terminate()
        sample.wait(60)
    assert heard.read_text() == f"video.completed {video['id']}\n", "and one that comes twice is told once"


@pytest.mark.parametrize("block", TYPED, ids=["webhook_url", "endpoint"])
@pytest.mark.skipif(not all(map(shutil.which, NEEDS["bash"])), reason="needs curl and jq")
def test_the_page_can_be_followed_from_top_to_bottom_on_ones_own_machine(
    start_gateway: Callable[..., Running], tmp_path: Path, unused_port: int, block: str
) -> None:
    gateway = start_gateway(allow_private_networks="127.0.0.1")
    command("python", tmp_path)
    typed = block.replace("9009", str(unused_port))
    started, _, ordered = typed.partition("receiver.py &\n")
    listening = f"until curl -s -o /dev/null http://127.0.0.1:{unused_port}/; do sleep 0.1; done"
    heard = tmp_path / "heard"
    with heard.open("w") as out:
        following = subprocess.Popen(
            ["bash", "-e", "-c", f"{started}receiver.py &\n{listening}\n{ordered}"],
            env={
                **environment_without("OPENAI_", "REELGATE_"),
                "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}",
                "OPENAI_BASE_URL": f"{gateway.url}/v1",
                "OPENAI_API_KEY": "none",
            },
            stdout=out,
            stderr=subprocess.DEVNULL,
            cwd=tmp_path,
            start_new_session=True,
        )
    try:
        wait_until(lambda: heard.read_text().count("\n") == 2, "event")
    finally:
        os.killpg(following.pid, signal.SIGTERM)  # the receiver outlives the shell that started it
        following.wait(60)
    video_id, event = heard.read_text().splitlines()
    assert event == f"video.completed {video_id}"


def test_the_page_names_what_is_true_of_the_code() -> None:
    page = (ROOT / RECEIVERS).read_text()
    assert set(re.findall(r"^\| `(video\.\w+)` \|", page, re.MULTILINE)) == set(webhooks.EVENT_TYPES)
    hours = ", ".join(f"{pause / 3600:g}" for pause in webhooks.PAUSES[3:-1])
    assert f"{hours} and {webhooks.PAUSES[-1] / 3600:g} hours" in page
