"""Run one piece of media work in a process of its own.

Decoding and rendering are slow, hold the interpreter and crash on hostile bytes, so they never happen in the
gateway's process. A child is `python -m MODULE`: it reads one JSON object from stdin, writes JSON objects as lines to
stdout and ends with `{"result": …}` or `{"error": {"code", "message"}}`: `app.child` is its side. Its stdin stays open
for as long as the parent lives; when it closes, the child ends itself, so a killed gateway leaves no work running.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from app.child import ChildError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.domain.plain import Json

# Nothing of the gateway's environment (keys above all) is handed to a process that decodes strangers' files.
_ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "SYSTEMROOT") if name in os.environ}
_LINE_LIMIT = 1 << 20  # bytes; one message is small


async def run(
    module: str,
    request: Mapping[str, Json],
    *,
    timeout: float | None = None,  # noqa: ASYNC109 - the caller means the child's life, not this coroutine's
    on_message: Callable[[dict[str, Json]], None] = lambda _message: None,
) -> dict[str, Json]:
    """Run `python -m module` on `request` and return its result; cancelling this coroutine kills the child.

    `timeout` is in seconds; `on_message` gets every line before the last.
    Raises ChildError when the child refuses, crashes (`crashed`) or takes too long (`timeout`).
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # the working directory is not a place to import from
        "-m",
        module,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=_ENVIRONMENT,
        limit=_LINE_LIMIT,
        start_new_session=True,  # Ctrl-C at a terminal is said to whoever runs it, who may let it finish
    )
    try:
        async with asyncio.timeout(timeout):
            return await _converse(child, request, on_message)
    except TimeoutError as error:
        raise ChildError("timeout", f"took longer than {timeout:g} s") from error
    finally:
        await _end(child)


async def _end(child: asyncio.subprocess.Process) -> None:
    """Kill the child and see it gone, even if this is cancelled meanwhile: a killed process ends at once."""
    with suppress(ProcessLookupError):  # it may end by itself in this very moment
        child.kill()
    cancelled: asyncio.CancelledError | None = None
    while child.returncode is None:
        try:
            await child.wait()
        except asyncio.CancelledError as error:
            cancelled = error
    _close_pipes(child)
    if cancelled:
        raise cancelled


async def _converse(
    child: asyncio.subprocess.Process, request: Mapping[str, Json], on_message: Callable[[dict[str, Json]], None]
) -> dict[str, Json]:
    stdin, stdout = child.stdin, child.stdout
    if stdin is None or stdout is None:
        raise ChildError("crashed", "the child has no pipes")
    stdin.write(json.dumps(request).encode() + b"\n")
    while (message := await _receive(stdout)) is not None:
        if "result" in message:
            result: dict[str, Json] = message["result"]
            return result
        if "error" in message:
            raise ChildError(message["error"]["code"], message["error"]["message"])
        on_message(message)
    raise ChildError("crashed", f"the process ended without a result (exit status {await child.wait()})")


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
