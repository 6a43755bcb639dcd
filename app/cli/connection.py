"""How commands reach a gateway: the one that runs, or one of their own for as long as they need it."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

import httpx

from app.cli.terminal import fail
from app.telemetry import configure_logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    import uvicorn

    from app.config import CommandSettings, Settings
    from app.startup import StartupError

_START_SECONDS = 30.0
_TIMEOUT = httpx.Timeout(60.0, connect=5.0)


@contextmanager
def connect(settings: CommandSettings, base_url: str | None) -> Iterator[httpx.Client]:
    """Give a client for the gateway that is named or runs, or for an embedded one."""
    found = find(settings, base_url)
    with ExitStack() as stack:
        url = found or stack.enter_context(_embedded(settings))
        yield stack.enter_context(client(url, settings))


def find(settings: CommandSettings, base_url: str | None) -> str | None:
    """Return the address of the gateway to talk to: the one that the user names, else the one that runs."""
    return base_url or settings.base_url or find_running(settings)


def find_running(settings: Settings) -> str | None:
    """Return the address of the gateway that has the data folder, or that answers on the configured host and port."""
    try:
        said = settings.lock_file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        said = ""
    urls = (said, local_url(settings.host, settings.port))
    return next((url for url in urls if url and _is_gateway(url)), None)


def local_url(host: str, port: int) -> str:
    """Return the address by which this machine reaches what listens on a host and port."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_gateway(url: str) -> bool:
    try:
        answer = httpx.get(f"{url}/healthz", timeout=2.0, trust_env=False)
        return bool(answer.json().get("service") == "reelgate")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError):
        return False


@contextmanager
def client(url: str, settings: CommandSettings) -> Iterator[httpx.Client]:
    """Give a client; the key comes from REELGATE_API_KEY or REELGATE_ADMIN_KEY. A dead address ends the command."""
    key = settings.api_key or settings.admin_key
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
        hint = " Set REELGATE_API_KEY." if answer.status_code == httpx.codes.UNAUTHORIZED else ""
        fail(f"{error['message']} ({error['code']}){hint}")
    except (ValueError, KeyError, TypeError):
        fail(f"{answer.request.url} answered {answer.status_code}, which is not Reelgate's way of refusing")


def refuse(error: StartupError) -> NoReturn:
    """End the command with the reason why no gateway of its own can be started."""
    from app.startup import BusyError  # noqa: PLC0415 - only when no gateway runs

    hint = " Wait for it to end, or name its address with --base-url." if isinstance(error, BusyError) else ""
    fail(f"{error}{hint}")


@contextmanager
def _embedded(settings: Settings) -> Iterator[str]:
    from app.cli.serve import make_server  # noqa: PLC0415 - only when no gateway runs
    from app.main import create_app  # noqa: PLC0415
    from app.startup import StartupError  # noqa: PLC0415

    with socket.create_server(("127.0.0.1", 0)) as listener:
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
            if isinstance(refusal, StartupError):
                refuse(refusal)
            fail("the embedded gateway did not start")
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    with suppress(SystemExit):  # uvicorn's own way of saying that the start failed
        server.run(sockets=[listener])
