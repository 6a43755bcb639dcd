"""A web server on the loopback interface that sends exactly the bytes it is told to, for tests of downloads."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, TypeAlias

import pytest

from app.media.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from app.media.fetch import Fetcher

BODY = bytes(range(256)) * 4096  # 1 MiB
LIMIT = 2 << 20  # bytes
Answer: TypeAlias = "bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]"


class Site:
    """A server that sends, for each path, exactly the given bytes; it keeps the heads of the requests."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.heads: list[str] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.heads.append(head)
            answer = self.answers[head.split()[1].partition("?")[0]]
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client had enough
        finally:
            writer.close()

    def url(self, path: str, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


def reply(body: bytes = BODY, status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    if "Content_Length" not in headers and "Transfer_Encoding" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def refusal(fetcher: Fetcher, url: str, folder: Path, code: str = "media_unavailable") -> str:
    with pytest.raises(MediaError) as caught:
        await fetcher.fetch(url, folder / "file", LIMIT)
    assert caught.value.code == code
    assert file_names(folder) == []
    return caught.value.message


def file_names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))  # noqa: PTH208 - names are what is compared
