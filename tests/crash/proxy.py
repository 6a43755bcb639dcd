"""A TCP proxy that can break what passes: between clients and replicas, and between replicas and the provider.

It knows nothing of HTTP but one thing: a piece that begins with `POST ` asks for something, and the next piece the
other way answers it. That answer can be dropped (after the other side has done the work), reset, or held back.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import random

Fault: TypeAlias = Literal["drop", "reset", "stall"]
Place: TypeAlias = tuple[str, int]

_PIECE = 1 << 16
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER 0: close by RST


@dataclass
class Proxy:
    """Listens on `port` and takes every connection to the next of `targets` that can be reached.

    Of the answers to POST, the share `rate` meets a fault of `faults`; the next `planned` ones do in any case.
    """

    targets: list[Place]
    chance: random.Random
    faults: tuple[Fault, ...] = ("drop", "reset", "stall")
    rate: float = 0.0
    stall_seconds: float = 2.0
    port: int = 0
    planned: list[Fault] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    _next: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close every connection."""
        if self._server:
            self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        try:
            far = await self._reach()
            if far is not None:
                await _Connection(self, (reader, writer), far).run()
        except asyncio.CancelledError:
            pass  # we stop; the loop would call it an error
        finally:
            writer.close()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in range(len(self.targets)):
            self._next += 1
            with suppress(OSError):
                return await asyncio.open_connection(*self.targets[self._next % len(self.targets)])
        return None

    def fault(self) -> Fault | None:
        """Decide what happens to the answer that is passing."""
        if self.planned:
            return self.planned.pop(0)
        return self.chance.choice(self.faults) if self.chance.random() < self.rate else None


@dataclass
class _Connection:
    """Both halves of one; `asked` says that an answer to a POST comes next."""

    proxy: Proxy
    near: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    far: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    asked: bool = False

    async def run(self) -> None:
        ways = [asyncio.create_task(self._forth()), asyncio.create_task(self._back())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self.far[1].close()

    async def _forth(self) -> None:
        with suppress(OSError):
            while piece := await self.near[0].read(_PIECE):
                self.asked = self.asked or piece.startswith(b"POST ")
                self.far[1].write(piece)
                await self.far[1].drain()

    async def _back(self) -> None:
        with suppress(OSError):
            while piece := await self.far[0].read(_PIECE):
                fault = self.proxy.fault() if self.asked else None
                self.asked = False
                if fault:
                    self.proxy.happened[fault] += 1
                if fault == "stall":
                    await asyncio.sleep(self.proxy.stall_seconds)
                elif fault:
                    if fault == "reset":
                        connection: socket.socket = self.near[1].get_extra_info("socket")
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                        self.near[1].transport.abort()
                    return
                self.near[1].write(piece)
                await self.near[1].drain()
