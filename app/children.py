"""Run one piece of media work in a process of its own.

Decoding and rendering are slow, hold the interpreter and crash on hostile bytes, so they never happen in the
gateway's process. A child is `python -m MODULE`: it reads one JSON object from stdin, writes JSON objects as lines to
stdout and ends with `{"result": …}` or `{"error": {"code", "message"}}`: `app.child` is its side. Its stdin stays open
for as long as the parent lives; when it closes, the child ends itself, so a killed gateway leaves no work running.

Most of what a short piece of work costs is the start of its process, so while work is expected there is a fork server:
a process that has everything loaded, and forks itself for each piece.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from app.child import ChildError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from app.domain.plain import Json

# Nothing of the gateway's environment (keys above all) is handed to a process that decodes strangers' files.
_ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "SYSTEMROOT") if name in os.environ}
# Ctrl-C at a terminal is said to whoever runs a child, who may let it finish.
_APART: dict[str, Any] = {"env": _ENVIRONMENT, "start_new_session": True}
_LINE_LIMIT = 1 << 20  # bytes; one message is small
_IDLE_SECONDS = 120.0  # without any work in sight, after which a fork server is let go


async def run(
    module: str,
    request: Mapping[str, Json],
    *,
    timeout: float | None = None,  # noqa: ASYNC109 - the caller means the child's life, not this coroutine's
    on_message: Callable[[dict[str, Json]], None] = lambda _message: None,
    server: ForkServer | None = None,
) -> dict[str, Json]:
    """Run `python -m module` on `request` and return its result; cancelling this coroutine kills the child.

    `timeout` is in seconds; `on_message` gets every line before the last; a `server` that runs has the module loaded.
    Raises ChildError when the child refuses, crashes (`crashed`) or takes too long (`timeout`).
    """
    child = (server and await server.fork(module)) or await _start(module)
    try:
        async with asyncio.timeout(timeout):
            return await _converse(child, request, on_message)
    except TimeoutError as error:
        raise ChildError("timeout", f"took longer than {timeout:g} s") from error
    finally:
        await child.end()
        if server:
            server.prepare()


async def _start(module: str) -> _Process:
    process = await asyncio.create_subprocess_exec(
        *_command(module),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT,
        **_APART,
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a child was started without pipes")
    return _Process(process.stdin, process.stdout, process)


def _command(module: str) -> tuple[str, ...]:
    return sys.executable, "-P", "-m", module  # -P: the working directory is not a place to import from


@dataclass(frozen=True)
class _Process:
    """A child that was started."""

    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader
    process: asyncio.subprocess.Process

    async def end(self) -> None:
        """Kill it and see it gone, even if this is cancelled meanwhile: a killed process ends at once."""
        with suppress(ProcessLookupError):  # it may end by itself in this very moment
            self.process.kill()
        await _insist(self.process.wait, then=partial(_close_pipes, self.process))


@dataclass(frozen=True)
class _Fork:
    """A child of a fork server. Its socket closes when it has said its last word, or is gone."""

    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader
    pid: int

    async def end(self) -> None:
        """Do the same."""
        if not self.stdout.at_eof():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        await _insist(self._gone, then=self.stdin.close)

    async def _gone(self) -> None:
        with suppress(ConnectionError):
            while await self.stdout.read(_LINE_LIMIT):
                pass


async def _insist(wait: Callable[[], Awaitable[object]], then: Callable[[], None]) -> None:
    """Wait to the end, and do the rest, also when this is cancelled meanwhile."""
    cancelled: asyncio.CancelledError | None = None
    while True:
        try:
            await wait()
            break
        except asyncio.CancelledError as error:
            cancelled = error
    then()
    if cancelled:
        raise cancelled


async def _converse(
    child: _Process | _Fork, request: Mapping[str, Json], on_message: Callable[[dict[str, Json]], None]
) -> dict[str, Json]:
    child.stdin.write(json.dumps(request).encode() + b"\n")
    while (message := await _receive(child.stdout)) is not None:
        if "result" in message:
            result: dict[str, Json] = message["result"]
            return result
        if "error" in message:
            raise ChildError(message["error"]["code"], message["error"]["message"])
        on_message(message)
    raise ChildError("crashed", "the process ended without a result")


async def _receive(stdout: asyncio.StreamReader) -> dict[str, Any] | None:
    """Give the next message, or None after the last."""
    try:
        line = await stdout.readline()
        message: dict[str, Any] | None = json.loads(line) if line else None
    except ValueError as error:  # it died in the middle of a line, or the line is longer than any message
        raise ChildError("crashed", "the process sent something that is not a message") from error
    return message


def _close_pipes(child: asyncio.subprocess.Process) -> None:
    """Close the transport now: its destructor would warn when the loop is already gone."""
    transport = getattr(child, "_transport", None)
    if transport is not None:
        transport.close()


class ForkServer:
    """A process of a module that serves forks (`app.child.serve`), while work is expected. `close` at the end.

    A fork takes a few milliseconds; a process that has to be started takes a hundred of processor time. One fork is
    made ahead, so that it has nothing to wait for.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._until = 0.0  # of the loop's time
        self._keeper: asyncio.Task[None] | None = None
        self._socket: socket.socket | None = None
        self._spare: asyncio.Task[_Fork | None] | None = None

    def expect(self) -> None:
        """Have it ready soon, and for a while from now."""
        loop = asyncio.get_running_loop()
        self._until = loop.time() + _IDLE_SECONDS
        if self._keeper is None or self._keeper.done():
            self._keeper = loop.create_task(self._keep(), name=f"forks-{self._module}")

    async def fork(self, module: str) -> _Fork | None:
        """Return a child that waits for its request; None where the server does not run."""
        child = self._ready() or await self._fork()
        if child is not None:
            child.stdin.write(module.encode() + b"\n")
        return child

    def prepare(self) -> None:
        """Make a fork for the next work that comes."""
        if self._socket is not None and self._spare is None:
            self._spare = asyncio.create_task(self._fork(), name=f"fork-{self._module}")

    def _ready(self) -> _Fork | None:
        """Take the fork that was made ahead, where there is one."""
        if self._spare is None or not self._spare.done():
            return None
        child, self._spare = self._spare.result(), None
        return child if child is not None and not child.stdout.at_eof() else None

    async def _fork(self) -> _Fork | None:
        if self._socket is None:
            return None
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._socket, [b"."], [theirs.fileno()])
            except OSError:
                ours.close()
                return None
        stdout, stdin = await asyncio.open_unix_connection(sock=ours, limit=_LINE_LIMIT)
        try:
            with suppress(ChildError, ConnectionError):
                if hello := await _receive(stdout):
                    return _Fork(stdin, stdout, int(hello["pid"]))
        except BaseException:
            stdin.close()  # which ends it
            raise
        stdin.close()
        return None

    async def close(self) -> None:
        """End it, and start none any more."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(0)
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *_command(self._module), stdin=theirs.fileno(), stdout=asyncio.subprocess.DEVNULL, **_APART
                )
            self.prepare()
            try:
                while process.returncode is None and (left := self._until - loop.time()) > 0:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(left):
                            await process.wait()
            finally:
                with suppress(ProcessLookupError):
                    process.kill()
                await _insist(process.wait, then=partial(_close_pipes, process))
        finally:
            self._socket.close()
            self._socket = None
            await self._let_go()

    async def _let_go(self) -> None:
        """End the fork that waits for work."""
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.cancel()
            await asyncio.wait([spare])
            if not spare.cancelled() and (child := spare.result()):
                await child.end()
