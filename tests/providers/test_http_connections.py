"""Which connection a request goes by."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.providers.http import Http

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}"


async def test_what_may_be_paid_for_never_goes_by_a_connection_that_its_server_may_be_closing() -> None:
    connections: list[int] = []
    closed = asyncio.Semaphore(0)

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        connections.append(0)
        while await reader.readline():
            while await reader.readline() != b"\r\n":
                pass
            await reader.readexactly(2)  # the body
            connections[-1] += 1
            writer.write(ANSWER)
        writer.close()
        await writer.wait_closed()
        closed.release()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/submit"
        http = Http((url,), {"authorization": "Key secret"})
        assert (await http.send("POST", url, json_body={}, paid=True)).ok
        await asyncio.sleep(2.1)  # servers close what idles for five seconds, some sooner
        assert (await http.send("POST", url, json_body={}, paid=True)).ok
        await http.close()
        for _connection in connections:
            await closed.acquire()
    assert connections == [1, 1]
