"""A result of any size from a provider into the gateway and out again, and the memory that the gateway took for it.

`python -m bench.large_video [MiB]`; 2047 without a number, for a result may have 2 GiB at most.
"""

from __future__ import annotations

import json
import re
import struct
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from tests.cli.processes import served
from tests.upstreams.films import film

_MIB = 1 << 20
_FILM = film(848, 480, 145)
_BOX = 16  # bytes of the head of a large box


class Provider(BaseHTTPRequestHandler):
    """xAI's two calls, and a film with a very large box behind it that players skip."""

    protocol_version = "HTTP/1.1"
    size = 0

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
        self._head("application/json", len(data))
        self.wfile.write(data)

    def _film(self) -> None:
        self._head("video/mp4", self.size)
        rest = self.size - len(_FILM)
        self.wfile.write(_FILM + struct.pack(">I4sQ", 1, b"free", rest))
        for start in range(_BOX, rest, _MIB):
            self.wfile.write(bytes(min(_MIB, rest - start)))

    def _head(self, kind: str, length: int) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(length))
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Stay quiet."""


def peak(process: int) -> int:
    """Return the most memory that a process ever had, in MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    return max(int(size) for size in re.findall(r"VmHWM:\s+([0-9]+) kB", status)) >> 10


def main() -> None:
    """Measure once."""
    Provider.size = int(sys.argv[1] if len(sys.argv) > 1 else 2047) * _MIB
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings = {"XAI_API_KEY": "bench", "REELGATE_XAI_URL": f"http://127.0.0.1:{server.server_port}/v1"}
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder), **settings) as gateway,
        httpx.Client(base_url=gateway.url, timeout=120, trust_env=False) as http,
    ):
        before, began = peak(gateway.process.pid), time.monotonic()
        video = http.post("/v1/videos", json={"prompt": "x", "model": "xai/grok-imagine-video"}).json()
        while video["status"] in ("queued", "in_progress"):
            time.sleep(0.5)
            video = http.get(f"/v1/videos/{video['id']}").json()
        if video["status"] != "completed":
            sys.exit(f"it failed: {video['error']}")
        stored, kept = peak(gateway.process.pid), time.monotonic()
        with http.stream("GET", video["url"]) as answer:
            sent = sum(map(len, answer.iter_raw()))
        sys.stdout.write(
            f"{sent >> 20} MiB: stored in {kept - began:.1f} s, sent in {time.monotonic() - kept:.1f} s; peak memory "
            f"{before} MiB before, {stored} MiB once stored, {peak(gateway.process.pid)} MiB once sent\n"
        )
    server.shutdown()


if __name__ == "__main__":
    main()
