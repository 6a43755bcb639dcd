"""The layer in front of a fake upstream that carries out rules about single calls, on the real connection.

uvicorn hands an app the bound `send` of its request cycle, whose `transport` is the socket; that is how a call can end
by a reset (SO_LINGER 0, RFC 9293 §3.5.2) or a clean close. There must be no other middleware outside this one.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from tests.upstreams.behaviour import Do, Rules
    from tests.upstreams.ledger import Ledger

_RESET = struct.pack("ii", 1, 0)
_PIECES = 20
_GARBAGE = b"\x00\xff<<%PDF not what was asked for\xfe"


class Misbehaving:
    """An app that obeys rules before it passes a call on; `classify(method, path, body)` says what a call is."""

    def __init__(
        self,
        app: ASGIApp,
        rules: Rules,
        ledger: Ledger,
        classify: Callable[[str, str, bytes], tuple[str, dict[str, str]]],
    ) -> None:
        self._app, self._rules, self._ledger, self._classify = app, rules, ledger, classify

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_fake/"):
            await self._app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        seen = {"path": path, "query": scope["query_string"].decode(), "method": method}
        on, facts = self._classify(method, path, b"")
        if do := self._rules.take(on, {**seen, **facts}, unread=True):
            await _cut(receive, send, reset=do.reset)
            return
        body = await _read(receive)
        on, facts = self._classify(method, path, body)
        self._ledger.arrived(on)
        do = self._rules.take(on, {**seen, **facts})
        call = _Call(self._app, self._rules, scope, body, receive, send)
        await (call.handle(send) if do is None else call.obey(do))


class _Call:
    def __init__(self, app: ASGIApp, rules: Rules, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        self._app, self._rules, self._scope, self._body = app, rules, scope, body
        self._receive, self._send = receive, send
        self._given = False

    async def handle(self, send: Send) -> None:
        await self._app(self._scope, self._replay, send)

    async def obey(self, do: Do) -> None:
        match do.kind:
            case "answer":
                await _answer(self._send, do)
            case "cut":
                await _cut(self._receive, self._send, reset=do.reset)
            case "hang":
                await _gone(self._receive)
            case "delay" | "wait":
                await self._later(do)
            case "accept_then":
                assert do.then, "accept_then needs what comes then"
                await self._captured()
                await self.obey(do.then)
            case "garbage":
                start, _body = await self._captured()
                await _respond(self._send, start, _GARBAGE)
            case "half":
                start, body = await self._captured()
                await _respond(self._send, start, body[: len(body) // 2], announced=len(body) if do.short else None)
                if do.short:
                    await _cut(self._receive, self._send, reset=do.reset)
            case "drip":
                start, body = await self._captured()
                await _drip(self._send, start, body, do.seconds)
            case _:
                raise AssertionError(f"{do.kind} is no misbehaviour of a call")

    async def _later(self, do: Do) -> None:
        await asyncio.sleep(do.seconds)
        while do.kind == "wait" and not self._rules.released:
            await asyncio.sleep(0.01)
        await self.handle(self._send)

    async def _captured(self) -> tuple[Message, bytes]:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self.handle(keep)
        return messages[0], b"".join(message.get("body", b"") for message in messages[1:])

    async def _replay(self) -> Message:
        if self._given:
            return await self._receive()
        self._given = True
        return {"type": "http.request", "body": self._body, "more_body": False}


async def _read(receive: Receive) -> bytes:
    pieces = []
    while (message := await receive())["type"] == "http.request":
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    return b"".join(pieces)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cut(receive: Receive, send: Send, *, reset: bool) -> None:
    transport: Any = send.__self__.transport  # type: ignore[attr-defined]  # uvicorn's cycle, see above
    if reset:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
    else:
        transport.close()
    await _gone(receive)


async def _answer(send: Send, do: Do) -> None:
    text = do.body if isinstance(do.body, str) else "" if do.body is None else json.dumps(do.body)
    headers = {"content-type": "application/json", **{name.lower(): value for name, value in do.headers.items()}}
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await _respond(send, {"type": "http.response.start", "status": do.status, "headers": pairs}, text.encode())


async def _respond(send: Send, start: Message, body: bytes, announced: int | None = None) -> None:
    await send(_measured(start, len(body) if announced is None else announced))
    await send({"type": "http.response.body", "body": body, "more_body": announced is not None})


async def _drip(send: Send, start: Message, body: bytes, seconds: float) -> None:
    await send(_measured(start, len(body)))
    size = max(1, -(-len(body) // _PIECES))
    for begin in range(0, len(body), size):
        await send({"type": "http.response.body", "body": body[begin : begin + size], "more_body": True})
        await asyncio.sleep(seconds * size / len(body))
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _measured(start: Message, length: int) -> Message:
    kept = [pair for pair in start["headers"] if pair[0].lower() not in {b"content-length", b"transfer-encoding"}]
    return {**start, "headers": [*kept, (b"content-length", str(length).encode())]}
