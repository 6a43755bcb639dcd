"""A result of any size from a provider into the gateway and out again, and the memory that the gateway took for it.

`python -m bench.large_video [MiB [FOLDER]]`; 10240 without a number. FOLDER needs room for two and a half of it.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import httpx

from bench.dense import Sink, send_film
from bench.memory import Memory, sampled
from tests.cli.processes import served

if TYPE_CHECKING:
    from collections.abc import Iterator

_MIB = 1 << 20
_RANGE = 256 * _MIB
_LONGEST = 3600.0  # seconds until a result that is not stored is given up


@dataclass
class Passage:
    """What one phase took: bytes, their SHA-256, seconds, memory."""

    name: str
    memory: Memory
    size: int = 0
    seconds: float = 0.0
    digest: str = ""
    _sum: hashlib._Hash = field(default_factory=hashlib.sha256, repr=False)

    def take(self, answer: httpx.Response, status: int = httpx.codes.OK) -> None:
        """Read an answer to its end, and go on with the digest where the one before ended."""
        if answer.status_code != status:
            raise RuntimeError(f"the gateway answered {answer.status_code}")
        for piece in answer.iter_raw():
            self.size += len(piece)
            self._sum.update(piece)
        self.digest = self._sum.hexdigest()

    def __str__(self) -> str:
        """Say it in a line."""
        memory = self.memory
        return (
            f"{self.name:<7} {self.size / _MIB:.0f} MiB in {self.seconds:.1f} s; gateway {memory.before} MiB before, "
            f"{memory.alone} at most, {memory.tree} with its children ({len(memory.course)} samples); by tenths "
            f"{' '.join(map(str, memory.parts))}"
        )


class Provider(BaseHTTPRequestHandler):
    """xAI's two calls, and a film that is made while it is sent."""

    protocol_version = "HTTP/1.1"
    url: ClassVar[str]
    wanted: ClassVar[int]
    sent: ClassVar[Sink]

    def do_POST(self) -> None:
        """Accept a job."""
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self._say({"request_id": "one"})

    def do_GET(self) -> None:
        """Say that it is done, or send the film."""
        if self.path == "/film.mp4":
            self._film()
        elif self.path.startswith("/v1/videos/"):
            url = f"http://{self.headers['host']}/film.mp4"
            self._say({"status": "done", "video": {"url": url, "duration": 6, "respect_moderation": True}})
        else:
            self._say({})

    def _say(self, body: object) -> None:
        data = json.dumps(body).encode()
        self._head("application/json", "content-length", str(len(data)))
        self.wfile.write(data)

    def _film(self) -> None:
        self._head("video/mp4", "transfer-encoding", "chunked")
        type(self).sent = Sink(self._chunk)
        send_film(self.wanted, self.sent)
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, piece: bytes) -> None:
        if piece:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    def _head(self, kind: str, framing: str, value: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header(framing, value)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Stay quiet."""


@contextmanager
def _provider(size: int) -> Iterator[type[Provider]]:
    """Serve a provider whose film has about `size` bytes."""
    handler: type[Provider] = type("Sized", (Provider,), {"wanted": size})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield handler
    finally:
        server.shutdown()
        server.server_close()


def measure(size: int, folder: Path) -> list[Passage]:
    """Have a film of about `size` bytes stored in `folder`, then sent whole, then in ranges: a passage each."""
    with (
        _provider(size) as provider,
        served(folder, XAI_API_KEY="bench", REELGATE_XAI_URL=provider.url) as gateway,
        httpx.Client(base_url=gateway.url, timeout=120, trust_env=False) as http,
    ):
        process = gateway.process.pid
        with _passage("stored", process) as stored:
            video = _made(http)
            stored.size, stored.digest = provider.sent.size, provider.sent.digest.hexdigest()
        with _passage("whole", process) as whole, http.stream("GET", video["url"]) as answer:
            whole.take(answer)
        with _passage("ranges", process) as ranges:
            for start in range(0, stored.size, _RANGE):
                span = {"range": f"bytes={start}-{start + _RANGE - 1}"}
                with http.stream("GET", video["url"], headers=span) as answer:
                    ranges.take(answer, httpx.codes.PARTIAL_CONTENT)
    return [stored, whole, ranges]


@contextmanager
def _passage(name: str, process: int) -> Iterator[Passage]:
    began = time.monotonic()
    with sampled(process) as memory:
        passage = Passage(name, memory)
        yield passage
    passage.seconds = time.monotonic() - began


def _made(http: httpx.Client) -> dict[str, Any]:
    video: dict[str, Any] = http.post("/v1/videos", json={"prompt": "x", "model": "xai/grok-imagine-video"}).json()
    deadline = time.monotonic() + _LONGEST
    while video["status"] in ("queued", "in_progress") and time.monotonic() < deadline:
        time.sleep(0.2)
        video = http.get(f"/v1/videos/{video['id']}").json()
    if video["status"] != "completed":
        raise RuntimeError(f"it is {video['status']}: {video['error']}")
    return video


def main() -> None:
    """Measure once."""
    size = int(sys.argv[1] if len(sys.argv) > 1 else 10240) * _MIB
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as folder:  # noqa: PLR2004
        passages = measure(size, Path(folder))
    sys.stdout.write("".join(f"{passage}\n" for passage in passages))
    if len({passage.digest for passage in passages}) > 1:
        sys.exit("what came out is not what went in")


if __name__ == "__main__":
    main()
