"""A receiver of webhooks on loopback that answers as it is told: with a status, never, with a redirect, by hanging up.

It runs in a thread of its own, so that gateways in threads and engines in a test's loop can reach it alike.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HANG, DROP = "hang", "drop"
Answer: TypeAlias = "bytes | str"  # the bytes of an answer, HANG or DROP


@dataclass(frozen=True)
class Received:
    """One request; names of headers are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


def status(code: int, body: bytes = b"", /, **headers: str) -> bytes:
    """Write an answer."""
    lines = [f"HTTP/1.1 {code} X", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}"]).encode() + b"\r\n\r\n" + body


@dataclass
class Receiver:
    """What it got, and what it says: `answer` to all, or the next of `answers`. `delay` is in seconds.

    One that `stays` leaves the connection open after its answer.
    """

    port: int = 0
    answer: Answer = field(default_factory=lambda: status(204))
    answers: list[Answer] = field(default_factory=list)
    delay: float = 0.0
    stays: bool = False
    got: list[Received] = field(default_factory=list)
    connections: int = 0
    under_way: int = 0
    most_under_way: int = 0

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def ids(self) -> list[str]:
        """The ids of the events that came, each as often as it came."""
        return [each.headers["webhook-id"] for each in self.got]

    def wait(self, count: int, timeout: float = 60) -> list[Received]:
        """Wait until so many requests have come, and return them."""
        wait_until(lambda: len(self.got) >= count, f"{count} webhooks", timeout)
        return self.got

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.got.append(Received(lines[0].split()[1], headers, body))
            await self._answer(reader, writer, self.answers.pop(0) if self.answers else self.answer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the gateway had enough
        finally:
            self.under_way -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
        await asyncio.sleep(self.delay)
        if isinstance(answer, bytes):
            writer.write(answer)
            await writer.drain()
        if answer == HANG or self.stays:
            await reader.read()


def wait_until(done: Callable[[], object], what: str, timeout: float = 60) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + timeout
    while not done():
        assert time.monotonic() < deadline, f"no {what} within {timeout} s"
        time.sleep(0.02)


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """Run a receiver until the block ends."""
    receiver, started, over = Receiver(), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        server = await asyncio.start_server(receiver.serve, "127.0.0.1", port)
        receiver.port = server.sockets[0].getsockname()[1]
        started.set()
        await over.wait()
        server.close()
        await asyncio.sleep(0)  # a connection that was just taken has an owner then, who closes it
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)  # by when what was closed is closed

    def main() -> None:
        loop.run_until_complete(run())
        loop.close()

    thread = threading.Thread(target=main, daemon=True)
    thread.start()
    assert started.wait(60)
    try:
        yield receiver
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(60)
    assert not thread.is_alive()
