"""What tests of refused requests share: the envelope, raw sockets, multipart bodies byte by byte."""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog
from structlog.testing import LogCapture

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    import pytest

    from tests.serving import Running

BOUNDARY = "limit"
MULTIPART = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
JSON = {"content-type": "application/json"}


def check_refusal(answer: httpx.Response, status: int, code: str, param: str | None = None, *words: str) -> None:
    """Expect OpenAI's envelope, complete, with this code and field, and a message that has the words."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    body = answer.json()
    assert set(body) == {"error"}
    error = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["code"], error["param"]) == (code, param), error
    assert error["type"] in ("invalid_request_error", "authentication_error", "permission_error", "upstream_error")
    assert len(error["message"]) < 1000
    for word in words:
        assert word in error["message"]


@contextmanager
def nothing_left(gateway: Running) -> Iterator[None]:
    """Expect that the requests of the block make no video and leave no file, and that the gateway still serves."""
    before = _newest(gateway)
    yield
    assert _newest(gateway) == before
    uploads = gateway.data_dir / "uploads"
    deadline = time.monotonic() + 60
    while left := list(uploads.glob("process-*/*")):
        assert time.monotonic() < deadline, left
        time.sleep(0.01)
    assert gateway.http.get("/healthz").json()["status"] == "ok"


def capture_log(monkeypatch: pytest.MonkeyPatch) -> LogCapture:
    """Record what the middleware logs from now on, in `.entries`."""
    capture = LogCapture()
    log = structlog.wrap_logger(structlog.PrintLogger(), processors=[structlog.contextvars.merge_contextvars, capture])
    monkeypatch.setattr("app.api.middleware.log", log)
    return capture


def _newest(gateway: Running) -> str | None:
    newest: str | None = gateway.http.get("/v1/videos", params={"limit": 1}).json()["first_id"]
    return newest


def part(disposition: str, content: bytes, *headers: str) -> bytes:
    """Write one part of a multipart body."""
    head = "\r\n".join((f"--{BOUNDARY}", f"Content-Disposition: form-data{disposition}", *headers))
    return head.encode() + b"\r\n\r\n" + content + b"\r\n"


def text(name: str, content: str | bytes) -> bytes:
    """Write a text part."""
    return part(f'; name="{name}"', content if isinstance(content, bytes) else content.encode())


def file(name: str, content: bytes, filename: str = "upload.bin") -> bytes:
    """Write a file part."""
    return part(f'; name="{name}"; filename="{filename}"', content, "Content-Type: application/octet-stream")


def post_parts(gateway: Running, *parts: bytes, path: str = "/v1/videos") -> httpx.Response:
    """Post a whole multipart body."""
    return gateway.http.post(path, content=b"".join(parts) + f"--{BOUNDARY}--\r\n".encode(), headers=MULTIPART)


def exchange(gateway: Running, *pieces: bytes, timeout: float = 60) -> bytes:
    """Send bytes over a new connection and return everything that comes back until the gateway closes it."""
    with socket.create_connection((gateway.http.base_url.host, gateway.http.base_url.port or 80), timeout) as line:
        for piece in pieces:
            line.sendall(piece)
        answer = b""
        while received := line.recv(65536):
            answer += received
    return answer
