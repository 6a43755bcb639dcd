"""Hostile files and bodies against a gateway process: each a 4xx, no memory, nothing left on disk."""

from __future__ import annotations

import gzip
import json
import re
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.api.refusals import BOUNDARY, MULTIPART, check_refusal, file, part, text
from tests.api.waiting import until
from tests.cli.processes import served
from tests.files import files_in
from tests.security.hostile_files import drawn, images, videos

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20
MOST_GROWTH = 100 * MIB
PROMPT = text("prompt", "a calm sea")
END = f"--{BOUNDARY}--\r\n".encode()
JSON = {"content-type": "application/json"}


class Gateway:
    """A gateway process: what it answers, how much memory it ever had, and which files it keeps."""

    def __init__(self, url: str, pid: int, folder: Path) -> None:
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False)
        self._pid, self._folder = pid, folder

    def peak(self) -> int:
        """Return the most memory that it ever had, in bytes."""
        found = re.search(r"VmHWM:\s+([0-9]+) kB", Path(f"/proc/{self._pid}/status").read_text())
        assert found
        return int(found[1]) << 10

    def files(self) -> set[str]:
        """List every file under its data folder but the database's."""
        return {str(path) for path in files_in(self._folder) if "sqlite3" not in path.name}

    def post(self, *parts: bytes, path: str = "/v1/videos") -> httpx.Response:
        return self.http.post(path, content=b"".join(parts) + END, headers=MULTIPART)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("hostile")
    with served(folder, REELGATE_ALLOW_PRIVATE_NETWORKS="127.0.0.1") as process:
        made = Gateway(process.url, process.process.pid, folder / "data")
        ok = made.post(
            PROMPT, text("dryRun", "x"), file("input_reference", drawn("PNG", 128, 128)), path="/v1/videos?dryRun=true"
        )
        assert ok.status_code == 200, ok.text
        assert made.post(file("file", drawn("PNG"))[:-200], path="/v1/files").status_code == 400
        yield made
        made.http.close()


@contextmanager
def costs_nothing(gateway: Gateway) -> Iterator[None]:
    """Expect that the block makes no video, leaves no file and costs little memory."""
    memory, files = gateway.peak(), gateway.files()
    yield
    grown = gateway.peak() - memory
    print(f"peak memory {memory >> 20} MiB, grown by {grown >> 20} MiB")  # noqa: T201 - shown with -s
    assert grown <= MOST_GROWTH
    until(lambda: gateway.files() == files)  # a refused upload is removed a moment after its answer
    assert gateway.http.get("/v1/videos").json()["data"] == []
    assert gateway.http.get("/healthz").json()["status"] == "ok"


def test_there_are_more_than_fifty(tmp_path: Path) -> None:
    assert len(images()) + len(videos(tmp_path)) > 50


def test_no_hostile_file_passes_as_an_image(gateway: Gateway) -> None:
    table = images()
    with costs_nothing(gateway):
        answers = {name: gateway.post(PROMPT, file("input_reference", data, "a.png")) for name, data in table.items()}
        assert {name: each.text for name, each in answers.items() if each.status_code != 400} == {}
        for name, answer in answers.items():
            code = "invalid_image" if table[name] else "invalid_value"
            check_refusal(answer, 400, code, "input_reference", "input_reference")


def test_no_hostile_file_passes_as_a_video(gateway: Gateway, tmp_path: Path) -> None:
    table = videos(tmp_path)
    with costs_nothing(gateway):
        answers = {
            name: gateway.post(PROMPT, file("video", data, "a.mp4"), path="/v1/videos/edits")
            for name, data in table.items()
        }
        assert {name: each.text for name, each in answers.items() if each.status_code != 400} == {}
        for name, answer in answers.items():
            check_refusal(answer, 400, "invalid_video" if table[name] else "invalid_value", "video", "video")


def nested_json(depth: int) -> bytes:
    return b'{"prompt": ' + b"[" * depth + b"]" * depth + b"}"


def bodies() -> dict[str, tuple[bytes, dict[str, str]]]:
    """Return bodies that no parser may stumble over, with their headers."""
    bomb = gzip.compress(json.dumps({"prompt": "x" * (100 << 20)}).encode())
    inner = b"--inner\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" * 1000 + b"--inner--"
    return {
        "a compressed bomb": (bomb, {**JSON, "content-encoding": "gzip"}),
        "a doubly compressed bomb": (gzip.compress(bomb), {**JSON, "content-encoding": "gzip, gzip"}),
        "a compressed form": (gzip.compress(PROMPT + END), {**MULTIPART, "content-encoding": "gzip"}),
        "a hundred thousand brackets": (nested_json(100_000), JSON),
        "a million brackets": (nested_json(1_000_000), JSON),
        "a million names": (b"{" + b",".join(b'"k%d":1' % n for n in range(1_000_000)) + b"}", JSON),
        "a number of a million digits": (b'{"prompt": "x", "seconds": ' + b"9" * 1_000_000 + b"}", JSON),
        "a number beyond all bounds": (b'{"prompt": "x", "seconds": 1e999999999}', JSON),
        "another character set": (b'{"prompt": "\xe4\xff"}', JSON),
        "half a surrogate": (b'{"prompt": "\\ud800"}', JSON),
        "a prompt of 30 MiB": (b'{"prompt": "' + b"x" * (30 << 20) + b'"}', JSON),
        "a data URI of 28 MiB": (
            b'{"prompt":"x","image_url":"data:image/png;base64,' + b"A" * (28 << 20) + b'"}',
            JSON,
        ),
        "ten thousand parts": (b"".join(text(f"f{n}", "x") for n in range(10_000)) + END, MULTIPART),
        "ten thousand parts of one name": (text("prompt", "x") * 10_000 + END, MULTIPART),
        "a hundred files": (b"".join(file(f"f{n}", b"x") for n in range(100)) + END, MULTIPART),
        "a part with a head of 8 MiB": (part('; name="prompt"', b"x", "X: " + "y" * (8 << 20)) + END, MULTIPART),
        "a part with ten thousand heads": (part('; name="prompt"', b"x", *["X: y"] * 10_000) + END, MULTIPART),
        "a part named by 8 MiB": (text("n" * (8 << 20), "x") + END, MULTIPART),
        "a name of ten thousand brackets": (text("a" + "[b]" * 10_000, "x") + END, MULTIPART),
        "an index of a billion": (PROMPT + text("input_reference[999999999]", "x") + END, MULTIPART),
        "a form in a form": (
            part('; name="prompt"', inner, "Content-Type: multipart/mixed; boundary=inner") + END,
            MULTIPART,
        ),
        "a form without an end": (PROMPT * 1000, MULTIPART),
        "a form of boundaries alone": ((f"--{BOUNDARY}\r\n".encode()) * 100_000, MULTIPART),
        "a boundary of fifty thousand letters": (
            END,
            {"content-type": "multipart/form-data; boundary=" + "b" * 50_000},
        ),
    }


def test_no_hostile_body_is_taken(gateway: Gateway) -> None:
    table = bodies()
    with costs_nothing(gateway):
        statuses = {}
        for name, (content, headers) in table.items():
            statuses[name] = gateway.http.post("/v1/videos", content=content, headers=headers).status_code
        assert {name: status for name, status in statuses.items() if not 400 <= status < 500} == {}


class Hostile(BaseHTTPRequestHandler):
    """A web server whose files never end, or are larger or other than they say."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        with suppress(OSError):
            getattr(self, f"_{self.path.strip('/')}")()
        self.close_connection = True

    def _head(self, *headers: tuple[str, str]) -> None:
        self.send_response(200)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def _endless(self) -> None:
        self._head(("Transfer-Encoding", "chunked"))
        while True:
            self.wfile.write(b"100000\r\n" + bytes(MIB) + b"\r\n")

    def _endless_chunk(self) -> None:
        self._head(("Transfer-Encoding", "chunked"))
        self.wfile.write(b"ffffffffffff\r\n")
        while True:
            self.wfile.write(bytes(MIB))

    def _no_length(self) -> None:
        self._head()
        while True:
            self.wfile.write(bytes(MIB))

    def _terabyte(self) -> None:
        self._head(("Content-Length", str(1 << 40)))
        self.wfile.write(bytes(MIB))

    def _bomb(self) -> None:
        packed = gzip.compress(bytes(100 * MIB))
        self._head(("Content-Encoding", "gzip"), ("Content-Length", str(len(packed))))
        self.wfile.write(packed)

    def _playlist(self) -> None:
        body = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"
        self._head(("Content-Type", "video/mp4"), ("Content-Length", str(len(body))))
        self.wfile.write(body)

    def _endless_head(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            self.wfile.write(b"X: " + b"y" * 1000 + b"\r\n")

    def _circle(self) -> None:
        self.send_response(302)
        self.send_header("Location", "/circle")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Stay quiet."""


def test_no_hostile_server_is_believed(gateway: Gateway) -> None:
    pages = [name[1:] for name in vars(Hostile) if re.fullmatch(r"_[a-z]\w+", name) and name != "_head"]
    with ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as server, costs_nothing(gateway):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for page in pages:
            for field in ("image_url", "video"):
                url = f"http://127.0.0.1:{server.server_port}/{page}"
                answer = gateway.http.post("/v1/videos", json={"prompt": "x", field: url})
                check_refusal(answer, 400, "invalid_image" if field == "image_url" else "invalid_video", field)
        server.shutdown()
