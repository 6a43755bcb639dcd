"""deploy/nginx/reelgate.conf in the real nginx, with a gateway behind it: what goes through, and how soon."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.ports import free_port
from tests.serving import PENDING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.serving import Running

SITE = Path(__file__).parent.parent.parent / "deploy" / "nginx" / "reelgate.conf"
NAME = "videos.example.org"
MAIN = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")


@pytest.fixture
def tls() -> int:
    """Choose the port that nginx serves https on."""
    return free_port()


@pytest.fixture
def gateway(start_gateway: Callable[..., Running], tls: int) -> Running:
    """Serve what is behind nginx: a gateway that takes bodies of 2 MiB."""
    return start_gateway(max_body_mb=2, public_url=f"https://{NAME}:{tls}")


@pytest.fixture
def site(gateway: Running, tmp_path: Path, tls: int) -> Iterator[httpx.Client]:
    """Give a client of nginx."""
    plain = free_port()
    command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={NAME}"
    subprocess.run(
        [*command.split(), "-keyout", "key.pem", "-out", "cert.pem"], cwd=tmp_path, check=True, capture_output=True
    )
    text = SITE.read_text()
    for there, here in {
        "127.0.0.1:8000": gateway.url.removeprefix("http://"),
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ": f"listen 127.0.0.1:{tls} ",
        f"/etc/ssl/certs/{NAME}.pem": f"{tmp_path}/cert.pem",
        f"/etc/ssl/private/{NAME}.key": f"{tmp_path}/key.pem",
    }.items():
        assert there in text
        text = text.replace(there, here)
    (tmp_path / "site.conf").write_text(text)
    (tmp_path / "nginx.conf").write_text(MAIN.format(folder=tmp_path))
    trusted = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    trusted.check_hostname = False  # it is asked by its address
    with (
        _nginx(tmp_path, plain),
        httpx.Client(
            base_url=f"https://127.0.0.1:{tls}",
            headers={"host": f"{NAME}:{tls}"},
            verify=trusted,
            timeout=60,
        ) as http,
    ):
        yield http


def test_bodies_go_through_and_the_gateway_says_which_are_too_large(site: httpx.Client) -> None:
    request = {"prompt": "a harbour", "metadata": {"note": "x" * (3 << 19)}}
    answer = site.post("/v1/videos?dryRun=true", json=request)
    assert answer.json()["error"]["param"] == "metadata.note"  # it was read
    answer = site.post("/v1/videos", json={**request, "padding": "x" * (2 << 20)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


def test_answers_are_held_events_come_at_once_and_content_has_ranges(site: httpx.Client, gateway: Running) -> None:
    with gateway.idle():
        video = site.post("/v1/videos", json={"prompt": "a harbour", "seconds": 1, "resolution": "480p"}).json()
        with site.stream("GET", f"/v1/videos/{video['id']}/events") as events:
            first = next(line for line in events.iter_lines() if line.startswith("data: "))
            assert json.loads(first.removeprefix("data: "))["status"] in PENDING, "the event was held back"
    video = site.get(f"/v1/videos/{video['id']}", params={"wait": 50}).json()
    assert video["status"] == "completed"
    assert video["url"].startswith(f"https://{NAME}:")
    link = httpx.URL(video["url"]).raw_path.decode()
    whole = site.get(link).content
    part = site.get(link, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"


def test_plain_http_is_sent_to_https(site: httpx.Client, tmp_path: Path) -> None:
    plain = (tmp_path / "site.conf").read_text().partition("listen 127.0.0.1:")[2].partition(";")[0]
    answer = httpx.get(f"http://127.0.0.1:{plain}/v1/models?a=b", headers={"host": NAME}, timeout=60)
    assert (answer.status_code, answer.headers["location"]) == (308, f"https://{NAME}/v1/models?a=b")
    assert site.get("/healthz").json()["status"] == "ok"


@contextmanager
def _nginx(folder: Path, port: int) -> Iterator[None]:
    with subprocess.Popen(
        ["nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"], stderr=subprocess.DEVNULL
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while not _listens(port):
                assert process.poll() is None, (folder / "error.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with closing(socket.socket()) as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0
