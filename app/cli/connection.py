"""How commands reach a gateway: the one that runs, or one of their own for as long as they need it."""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn

from app.cli.terminal import UNREACHABLE, fail, note

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    import uvicorn

    from app.config import CommandSettings, Settings
    from app.startup import StartupError

_START_SECONDS = 30.0
_TIMEOUT, _CONNECT_TIMEOUT = 60.0, 5.0  # seconds
_LARGEST_PORT = 65535
_NAME_ONE = "--base-url or REELGATE_BASE_URL names one that runs elsewhere"
_HEADER = re.compile("Bearer [ -~]+")


@contextmanager
def connect(
    settings: CommandSettings, base_url: str | None, *, engine: bool = False, begins: bool = False
) -> Iterator[httpx.Client]:
    """Give a client for the gateway that is named or runs, or for an embedded one.

    An embedded one works on the jobs there are only if it is to have an `engine`: to look at them sends nothing. Where
    nothing was ever kept, it is started only for a command that `begins` something; any other ends there.
    """
    found = find(settings, base_url)
    with ExitStack() as stack:
        if not found:
            _expect(settings, begins=begins)
        url = found or stack.enter_context(_embedded(settings, engine=engine))
        if not found:
            note(
                f"{_nobody(settings)}: one was started in {settings.data_dir.absolute()} for this command; {_NAME_ONE}"
            )
        yield stack.enter_context(client(url, settings))


def _expect(settings: CommandSettings, *, begins: bool) -> None:
    """End a command that looks for something in a folder where a gateway never was, and leave that as it is."""
    if begins or settings.database_url is not None or (settings.data_dir / "reelgate.sqlite3").exists():
        return
    nothing = f"{_nobody(settings)}, and there is nothing in {settings.data_dir.absolute()}; {_NAME_ONE}"
    fail(nothing, code="gateway_unreachable", status=UNREACHABLE)


def _nobody(settings: Settings) -> str:
    return f"no gateway answers at {' or '.join(_local(settings))}"


def find(settings: CommandSettings, base_url: str | None) -> str | None:
    """Return the address of the gateway to talk to: the one that the user names, else the one that runs."""
    return base_url or settings.base_url or find_running(settings)


def find_running(settings: Settings) -> str | None:
    """Return the address of the gateway that has the data folder, or that answers on the configured host and port."""
    return next((url for url in _local(settings) if _is_gateway(url)), None)


def addresses(settings: CommandSettings, base_url: str | None) -> list[str]:
    """Return where a gateway may be, without asking whether one is there."""
    named = base_url or settings.base_url
    return [_root(named)] if named else _local(settings)


def _local(settings: Settings) -> list[str]:
    try:
        said = settings.lock_file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        said = ""
    urls = (said, local_url(settings.host, settings.port))
    return list(dict.fromkeys(url for url in urls if url))


def _root(url: str) -> str:
    return url.rstrip("/").removesuffix("/v1")


def local_url(host: str, port: int) -> str:
    """Return the address by which this machine reaches what listens on a host and port."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_gateway(url: str) -> bool:
    import httpx

    try:
        answer = httpx.get(f"{url}/healthz", timeout=2.0, trust_env=False)
        return bool(answer.json().get("service") == "reelgate")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError):
        return False


def authorization(settings: CommandSettings) -> dict[str, str]:
    """Return the header that shows the key of REELGATE_API_KEY, or of REELGATE_ADMIN_KEY."""
    key = settings.api_key or settings.admin_key
    return {"Authorization": f"Bearer {key}"} if key else {}


@contextmanager
def client(url: str, settings: CommandSettings) -> Iterator[httpx.Client]:
    """Give a client. A dead address ends the command."""
    import httpx

    timeout = httpx.Timeout(_TIMEOUT, connect=_CONNECT_TIMEOUT)
    url, headers = _root(url), authorization(settings)
    if not all(_HEADER.fullmatch(value) for value in headers.values()):  # what is raised for it would show the key
        fail("REELGATE_API_KEY (or REELGATE_ADMIN_KEY) has characters that no header may have", code="wrong_setting")
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=timeout) as http:
            if (http.base_url.port or 0) > _LARGEST_PORT:
                raise httpx.InvalidURL("its port is larger than any")  # noqa: TRY301 - as httpx says it of other URLs
            yield http
    except (httpx.TransportError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        fail(f"cannot reach {url}: {reason}", code="gateway_unreachable", status=UNREACHABLE)


def ask(http: httpx.Client, method: str, path: str, **request: Any) -> Any:  # noqa: ANN401 - JSON
    """Return what the gateway answers; end the command in its own words where it refuses."""
    return read(check(http.request(method, path, **request)))


def read(answer: httpx.Response) -> Any:  # noqa: ANN401 - JSON
    """Read an answer; end the command where something else than a gateway has answered."""
    try:
        return answer.json()
    except ValueError:
        fail(f"{answer.request.url} is no gateway: its answer is not JSON", code="not_a_gateway", status=UNREACHABLE)


def check(answer: httpx.Response, video_id: str | None = None) -> httpx.Response:
    """End the command with the gateway's own words when it refused; a video that is there anyway is named."""
    if not answer.is_success:
        _refused(answer, video_id)
    return answer


def _refused(answer: httpx.Response, video_id: str | None) -> NoReturn:
    try:
        error = answer.json()["error"]
        message, code = str(error["message"]), str(error["code"])
    except (ValueError, KeyError, TypeError):
        said = f"{answer.request.url} answered {answer.status_code}, which is not Reelgate's way of refusing"
        fail(said, code="not_a_gateway", status=UNREACHABLE, video_id=video_id)
    hint = ""
    if answer.status_code == 401:  # noqa: PLR2004 - HTTP's own number
        shown = "authorization" in answer.request.headers
        hint = f" {'Correct' if shown else 'Set'} REELGATE_API_KEY."
    fail(f"{message} ({code}){hint}", error=error, video_id=video_id)


def refuse(error: StartupError) -> NoReturn:
    """End the command with the reason why no gateway of its own can be started."""
    from app.startup import BusyError

    hint = " Wait for it to end, or name its address with --base-url." if isinstance(error, BusyError) else ""
    fail(f"{error}{hint}", code="cannot_start")


@contextmanager
def _embedded(settings: Settings, *, engine: bool) -> Iterator[str]:
    from app.cli.serve import make_server
    from app.main import create_app
    from app.startup import StartupError
    from app.telemetry import configure_logs

    with socket.create_server(("127.0.0.1", 0)) as listener:
        configure_logs("text", "error")
        app = create_app(settings, role="all" if engine else "api")
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
            fail("the embedded gateway did not start", code="cannot_start")
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    with suppress(SystemExit):  # uvicorn's own way of saying that the start failed
        server.run(sockets=[listener])
