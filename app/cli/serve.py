"""`reelgate serve`: run the gateway."""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import logging
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from app.cli.connection import local_url
from app.cli.terminal import err, fail, load_settings, out
from app.program import program

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    import uvicorn
    from fastapi import FastAPI

    from app.config import Settings
    from app.startup import Role


# Objects made until garbage is looked for: with a thousand clients waiting, a look through all takes 50 ms and more, in
# which nobody is answered. Python's own 700 has one every few seconds.
_GARBAGE = (20_000, 10, 20)
# Seconds for which a connection may idle: longer than clients and load balancers keep theirs (60 at most, most 5), for
# who closes first must not be the server, where a request may be on its way.
_IDLE = 75
_COLOURS = ("pygments", "rich.pretty", "rich.traceback")


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [REELGATE_HOST, 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. [REELGATE_PORT, 8000]")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where everything is kept. [REELGATE_DATA_DIR, ./data]")] = None,
    *,
    engine: Annotated[bool, typer.Option(help="Do the work, too; without it, `reelgate worker` must run.")] = True,
) -> None:
    """Run the gateway: an OpenAI-compatible /v1/videos on this machine.

    Every setting is an environment variable REELGATE_… (or a line in .env); the README lists them.
    """
    _run(load_settings(host=host, port=port, data_dir=data_dir), "all" if engine else "api")


def worker(
    host: Annotated[str | None, typer.Option(help="Address of /healthz and /readyz. [REELGATE_HOST]")] = None,
    port: Annotated[int | None, typer.Option(help="Port of /healthz and /readyz. [REELGATE_PORT, 8000]")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where it works. [REELGATE_DATA_DIR, ./data]")] = None,
) -> None:
    """Work for gateways that share a Postgres database: submit, poll and store, but answer no requests."""
    _run(load_settings(host=host, port=port, data_dir=data_dir), "worker")


def _run(settings: Settings, role: Role) -> None:
    from app.config import unknown_variables

    for name, nearest in unknown_variables().items():
        err.print(f"[yellow]warning:[/yellow] {escape(name)} is no setting; the nearest is {nearest}")
    try:
        listener = listen(settings.host, settings.port)
    except OSError as error:
        reason = str(error.strerror).partition(" (while ")[0]  # what follows says the address once more
        remedy = "Set REELGATE_PORT (or --port) to another; 0 takes a free one."
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            remedy = "Set REELGATE_HOST (or --host) to an address of this machine."
        fail(f"cannot listen on {settings.host}:{settings.port}: {reason}. {remedy}")
    gc.disable()  # what is loaded now stays: to look through it for garbage is a seventh of the start
    _load_libraries()
    from app.main import create_app
    from app.startup import StartupError, check_role
    from app.telemetry import configure_logs

    try:
        check_role(settings, role)
    except StartupError as error:
        fail(str(error))
    if role == "api" and settings.database_url is None:
        err.print("[yellow]warning:[/yellow] no engine: what is asked for here waits, since no worker can share SQLite")
    configure_logs(settings.log_format, settings.log_level)
    app = create_app(settings, role=role)
    server = make_server(app, lambda: _started(app, settings, listener.getsockname()[1], role))
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, _stopped)  # uvicorn raises the signal once more after it has shut down
    with contextlib.suppress(SystemExit):  # uvicorn's own way of saying that the start failed
        server.run(sockets=[listener])
    refusal = getattr(app.state, "refusal", None)
    if isinstance(refusal, StartupError):
        fail(str(refusal))
    if not server.started:
        raise typer.Exit(1)


def _load_libraries() -> None:
    """Load structlog and httpx without what they print in colours where they find it, and we never use: 3 MiB."""
    sys.modules.update(dict.fromkeys(_COLOURS))  # type: ignore[arg-type]  # None: not to be had, as both expect
    try:
        for name in ("structlog", "httpx"):
            importlib.import_module(name)
    finally:  # a traceback is printed in colours
        for name in _COLOURS:
            del sys.modules[name]


def listen(host: str, port: int) -> socket.socket:
    """Open the socket that the server takes connections from. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=2048)
    # Connections inherit it; asyncio sets it only for sockets that it made. Without it, the second part of an answer
    # waits for the client to acknowledge the first: 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _stopped(_number: int, _frame: FrameType | None) -> None:
    """Take the signal's second coming for what it is: the gateway has stopped as asked. A third one kills."""
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.SIG_DFL)


def make_server(app: FastAPI, on_start: Callable[[], None] = lambda: None) -> uvicorn.Server:
    """Make the HTTP server; `on_start` is called once it listens."""
    import uvicorn

    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # the gateway logs its own failures

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                with contextlib.suppress(OSError, ValueError):  # nobody has to read the greeting
                    on_start()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            app.state.gateway.feed.close()  # those who wait get their answer now; the server waits for them to go
            await super().shutdown(sockets)

    return Server(
        uvicorn.Config(
            app,
            ws="none",  # nobody speaks it here: its libraries are not loaded
            loop="asyncio",  # uvloop runs Python in a forked child before it starts it, and was seen to hang there
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_IDLE,
            timeout_graceful_shutdown=5,
        )
    )


def _started(app: FastAPI, settings: Settings, port: int, role: Role) -> None:
    gc.freeze()  # nor is it looked through later, while requests wait
    gc.set_threshold(*_GARBAGE)
    gc.enable()
    _greet(app, settings, port, role)


def _greet(app: FastAPI, settings: Settings, port: int, role: Role) -> None:
    gateway = app.state.gateway
    if role != "worker":
        settings.lock_file.write_text(local_url(settings.host, port), encoding="utf-8")  # for the other commands
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = settings.public_url or f"http://{host}:{port}"
    key = ' -H "Authorization: Bearer $REELGATE_API_KEY"' if gateway.accounts.guarded else ""
    providers = ", ".join(f"{name} ({provider.title})" for name, provider in gateway.providers.items())
    if role == "worker":
        out.print(
            f"\n[bold]Reelgate worker[/bold]: works for the gateways on its database; {url}/readyz tells how it is"
        )
        return
    out.print(f"\n[bold]Reelgate[/bold] listens on [bold]{url}/v1[/bold]")
    out.print(f"  dashboard  {url}")
    out.print(f"  providers  {providers}")
    out.print(f"  data       {settings.data_dir.absolute()}")
    if not gateway.accounts.guarded:
        reach = "only this machine can connect" if settings.loopback else "ANYONE who reaches this address can use it"
        first = f"make one with `{escape(program())} keys create NAME --admin`"
        out.print(f"  [yellow]open: no API key is needed ({reach}); {first}[/yellow]")
    out.print("\nTry it:")
    found = settings.data_dir == type(settings).model_fields["data_dir"].default  # by what it says in that folder
    where = "" if found else f" --base-url {url}"
    out.print(f'  {program()} generate "a lighthouse in a storm" -o storm.mp4{where}\n', markup=False)
    out.print(
        f"  curl -s {url}/v1/videos{key} -H 'Content-Type: application/json' \\\n"
        '    -d \'{"prompt": "a lighthouse in a storm, waves against the rocks"}\'\n',
        markup=False,
    )
