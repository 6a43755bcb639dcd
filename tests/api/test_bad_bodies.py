"""Bodies that are too large, too slow, or not as long as they say."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from app.api.middleware import BodyLimit
from app.domain.errors import GatewayError
from tests.api.refusals import BOUNDARY, MULTIPART, check_refusal, exchange, nothing_left

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from starlette.types import Message, Receive, Scope, Send

    from tests.serving import Running

MIB = 1 << 20
MEGABYTES = 100
SERVE = """
import sys, uvicorn
from pathlib import Path
from app.config import Settings
from app.main import create_app
settings = Settings.model_validate({"data_dir": Path(sys.argv[1])})
uvicorn.run(create_app(settings), fd=int(sys.argv[2]), log_config=None)
"""


@pytest.fixture(autouse=True)
def _nothing_left(gateway: Running) -> Iterator[None]:
    with nothing_left(gateway):
        yield


def hundred_megabytes() -> Iterator[bytes]:
    yield f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="video"; filename="x.mp4"\r\n\r\n'.encode()
    for _ in range(MEGABYTES):
        yield b"v" * MIB
    yield f"\r\n--{BOUNDARY}--\r\n".encode()


HEADERS = [
    pytest.param({"content-length": str(sum(map(len, hundred_megabytes())))}, id="declared"),
    pytest.param({}, id="chunked"),
]


@pytest.mark.parametrize("path", ["/v1/videos", "/v1/files", "/v1/keys", "/openai/v1/videos/edits"])
@pytest.mark.parametrize("headers", HEADERS)
def test_a_client_that_sends_too_much_sees_the_413(gateway: Running, headers: dict[str, str], path: str) -> None:
    answer = gateway.http.post(path, content=hundred_megabytes(), headers={**MULTIPART, **headers})
    check_refusal(answer, 413, "request_too_large", None, "64 MiB")


@pytest.mark.parametrize("length", [b"Transfer-Encoding: chunked", b"Content-Length: 104857600"], ids=repr)
def test_a_client_that_sends_everything_before_it_looks_sees_the_413_too(gateway: Running, length: bytes) -> None:
    head = b"POST /v1/videos HTTP/1.1\r\nHost: x\r\n" + length + b"\r\n\r\n"
    piece = b"v" * MIB
    chunked = b"chunked" in length
    pieces = [b"100000\r\n" + piece + b"\r\n" if chunked else piece] * MEGABYTES
    answer = exchange(gateway, head, *pieces, b"0\r\n\r\n" if chunked else b"")
    assert answer.startswith(b"HTTP/1.1 413 "), answer


def test_json_that_is_too_large_is_refused_alike(gateway: Running) -> None:
    answer = gateway.http.post("/v1/videos", content=b'{"prompt": "' + b"x" * 70 * MIB + b'"}')
    check_refusal(answer, 413, "request_too_large", None, "64 MiB")


def test_a_client_that_asks_before_it_sends_is_refused_before_it_sends(gateway: Running) -> None:
    head = b"POST /v1/videos HTTP/1.1\r\nHost: x\r\nContent-Length: 104857600\r\nExpect: 100-continue\r\n\r\n"
    answer = exchange(gateway, head)
    assert answer.startswith(b"HTTP/1.1 413 "), answer
    assert b"request_too_large" in answer


@contextmanager
def process(folder: Path) -> Iterator[tuple[str, int]]:
    """Run a gateway in a process of its own; gives its address and process id."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url, number = f"http://127.0.0.1:{listener.getsockname()[1]}", listener.fileno()
        command = [sys.executable, "-c", SERVE, str(folder), str(number)]
        child = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=Path.cwd(), pass_fds=[number])
    with child:
        try:
            httpx.get(f"{url}/healthz", timeout=60).raise_for_status()  # it listens already, and is answered in time
            yield url, child.pid
        finally:
            child.terminate()


def peak(pid: int) -> int:
    """Return the most memory that a process ever had, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read from Linux's /proc")  # noqa: PTH110
def test_a_hundred_megabytes_cost_no_memory(tmp_path: Path) -> None:
    with process(tmp_path) as (url, pid), httpx.Client(base_url=url, timeout=60) as http:
        http.post("/v1/videos", json={})
        before = peak(pid)
        for headers in ({"content-length": str(sum(map(len, hundred_megabytes())))}, {}):
            answer = http.post("/v1/videos", content=hundred_megabytes(), headers={**MULTIPART, **headers})
            check_refusal(answer, 413, "request_too_large")
        grown = peak(pid) - before
    print(f"peak memory {before} KiB, grown by {grown} KiB")  # noqa: T201 - shown with -s
    assert grown < 8 * 1024
    assert list((tmp_path / "uploads").glob("process-*/*")) == []


def connect(gateway: Running) -> socket.socket:
    return socket.create_connection((gateway.http.base_url.host, gateway.http.base_url.port or 80), 60)


def test_a_slow_body_keeps_nobody_waiting_and_is_served_in_the_end(gateway: Running) -> None:
    body = b'{"prompt": 5}'
    with connect(gateway) as line:
        head = b"POST /v1/videos HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
        line.sendall(head)
        for byte in body:
            line.sendall(bytes([byte]))
            assert gateway.http.get("/v1/videos?limit=1").status_code == 200  # while the body is under way
        answer = b""
        while received := line.recv(65536):
            answer += received
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"param":"prompt"' in answer


def test_a_body_longer_than_it_says_makes_nothing(gateway: Running) -> None:
    head = b"POST /v1/videos HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
    assert exchange(gateway, head + b'{}{"prompt": "surplus"}').startswith(b"HTTP/1.1 400 ")


async def answer_of(
    app: BodyLimit, pieces: list[bytes], pause: float, **headers: str
) -> tuple[int, dict[str, str | None]]:
    """Let an ASGI app have a request whose body comes in pieces, and whose end never comes."""
    sent: list[Message] = []
    waiting = iter(pieces)

    async def receive() -> Message:
        await asyncio.sleep(pause)
        piece = next(waiting, None)
        if piece is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": piece, "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": [(name.encode(), value.encode()) for name, value in headers.items()]}
    await app(scope, receive, send)
    assert dict(sent[0]["headers"])[b"connection"] == b"close"
    error: dict[str, str | None] = json.loads(sent[1]["body"])["error"]
    return sent[0]["status"], error


async def swallows(_scope: Scope, receive: Receive, send: Send) -> None:
    """Read like FastAPI, which makes a 400 of its own from whatever a body raises."""
    with suppress(GatewayError):
        while (await receive())["more_body"]:
            pass
    await send({"type": "http.response.start", "status": 400, "headers": []})
    await send({"type": "http.response.body", "body": b"There was an error parsing the body"})


async def test_a_body_that_stops_arriving_is_refused() -> None:
    app = BodyLimit(swallows, MIB, patience=0.1)
    status, error = await asyncio.wait_for(answer_of(app, [b"x" * 10], 0), 60)
    assert status == 400
    assert (error["code"], error["param"]) == ("invalid_value", None)
    assert "stopped arriving after 10 bytes" in str(error["message"])


async def test_a_body_that_trickles_is_refused_though_it_never_stops() -> None:
    app = BodyLimit(swallows, MIB, patience=0.2)
    status, error = await asyncio.wait_for(answer_of(app, [b"x"] * 1000, 0.05), 60)
    assert status == 400
    assert "stopped arriving" in str(error["message"])


async def test_a_steady_body_may_take_longer_than_the_patience_with_one_that_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.api.middleware._DRAIN_SECONDS", 0.2)
    loop, ahead = asyncio.get_running_loop(), 0.0
    real = loop.time
    monkeypatch.setattr(loop, "time", lambda: real() + ahead)
    pieces: list[Message] = [{"type": "http.request", "body": b"x" * (1 << 20), "more_body": True}] * 9
    sent: list[Message] = []

    async def receive() -> Message:
        nonlocal ahead
        if not pieces:
            await asyncio.Event().wait()
        ahead += 20  # seconds that this piece takes
        await asyncio.sleep(0.01)  # in which they have passed
        return pieces.pop()

    async def send(message: Message) -> None:
        sent.append(message)

    app = BodyLimit(swallows, 8 << 20)
    await asyncio.wait_for(app({"type": "http", "headers": []}, receive, send), 1000)
    assert ahead > 5 * 30
    assert (sent[0]["status"], json.loads(sent[1]["body"])["error"]["code"]) == (413, "request_too_large")


async def test_a_body_that_never_ends_is_drained_for_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.middleware._DRAIN_SECONDS", 0.2)
    status, _ = await asyncio.wait_for(answer_of(BodyLimit(swallows, 10), [b"x" * 20], 0), 60)
    assert status == 413
    status, _ = await asyncio.wait_for(answer_of(BodyLimit(swallows, 10), [], 0, **{"content-length": "9" * 5000}), 60)
    assert status == 413


async def test_a_body_whose_last_piece_is_too_much_is_answered_at_once() -> None:
    pieces: list[Message] = [{"type": "http.request", "body": b"x" * 20, "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        return pieces.pop() if pieces else await asyncio.Event().wait()  # type: ignore[return-value]

    async def send(message: Message) -> None:
        sent.append(message)

    await asyncio.wait_for(BodyLimit(swallows, 10)({"type": "http", "headers": []}, receive, send), 60)
    assert sent[0]["status"] == 413


async def test_a_drain_ends_after_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.middleware._DRAIN_BYTES", 100)
    app = BodyLimit(swallows, 10)
    status, _ = await asyncio.wait_for(answer_of(app, [b"x" * 50] * 4, 0), 60)
    assert status == 413


async def test_what_is_no_http_request_passes_untouched() -> None:
    seen: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["type"])

    nothing: Callable[..., Awaitable[Message]] = None  # type: ignore[assignment]
    await BodyLimit(app, 10)({"type": "lifespan"}, nothing, nothing)  # type: ignore[arg-type]
    assert seen == ["lifespan"]
