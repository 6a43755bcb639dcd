"""How commands reach a gateway: the one that runs, or one of their own for as long as they need it."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import httpx

from app.cli.terminal import fail
from app.telemetry import configure_logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    import uvicorn

    from app.config import Settings

_START_SECONDS = 30.0
_TIMEOUT = httpx.Timeout(60.0, connect=5.0)


@contextmanager
def connect(settings: Settings, base_url: str | None) -> Iterator[httpx.Client]:
    """Give a client for `base_url`, for the gateway on the configured port, or for an embedded one."""
    found = base_url or find_running(settings)
    with ExitStack() as stack:
        url = found or stack.enter_context(_embedded(settings))
        yield stack.enter_context(client(url))


def find_running(settings: Settings) -> str | None:
    """Return the address of a gateway that answers on the configured host and port."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104 - compared, not bound
    url = f"http://{host}:{settings.port}"
    try:
        answer = httpx.get(f"{url}/healthz", timeout=2.0, trust_env=False)
        return url if answer.json().get("service") == "reelgate" else None
    except (httpx.HTTPError, ValueError, AttributeError):
        return None


@contextmanager
def client(url: str) -> Iterator[httpx.Client]:
    """Give a client; the key comes from REELGATE_API_KEY or REELGATE_ADMIN_KEY. A dead address ends the command."""
    key = os.environ.get("REELGATE_API_KEY") or os.environ.get("REELGATE_ADMIN_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = url.rstrip("/").removesuffix("/v1")
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT) as http:
            yield http
    except (httpx.TransportError, httpx.InvalidURL) as error:
        fail(f"cannot reach {url}: {error}")


def check(answer: httpx.Response) -> httpx.Response:
    """End the command with the gateway's own words when it refused."""
    if answer.is_success:
        return answer
    try:
        error = answer.json()["error"]
        fail(f"{error['message']} ({error['code']})")
    except (ValueError, KeyError, TypeError):
        fail(f"{answer.request.url} answered {answer.status_code}, which is not Reelgate's way of refusing")


@contextmanager
def _embedded(settings: Settings) -> Iterator[str]:
    from app.cli.serve import make_server  # noqa: PLC0415 - only when no gateway runs
    from app.main import create_app  # noqa: PLC0415
    from app.startup import StartupError  # noqa: PLC0415

    listener = socket.create_server(("127.0.0.1", 0))
    configure_logs("text", "error")
    app = create_app(settings)
    server = make_server(app)
    thread = threading.Thread(target=_run, args=(server, listener), daemon=True)
    thread.start()
    deadline = time.monotonic() + _START_SECONDS
    while not server.started and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    if not server.started:
        refusal = getattr(app.state, "refusal", None)
        fail(str(refusal) if isinstance(refusal, StartupError) else "the embedded gateway did not start")
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    with suppress(SystemExit):  # uvicorn's own way of saying that the start failed
        server.run(sockets=[listener])
