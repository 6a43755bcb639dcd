"""Downloads from a real server that answers badly on request."""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from app.media.fetch import FetchedFile, Fetcher
from tests.media.site import BODY, LIMIT, file_names, refusal, reply

if TYPE_CHECKING:
    from pathlib import Path

    from tests.media.site import Site


async def test_a_file_arrives_whole_with_its_declared_type(site: Site, fetcher: Fetcher, tmp_path: Path) -> None:
    site.answers["/a.png"] = reply(Content_Type="image/png")
    fetched = await fetcher.fetch(site.url("/a.png?token=x"), tmp_path / "file", LIMIT)
    assert fetched == FetchedFile(tmp_path / "file", "image/png", len(BODY))
    assert fetched.path.read_bytes() == BODY
    assert file_names(tmp_path) == ["file"]


async def test_the_request_is_plain_and_names_the_host(site: Site, fetcher: Fetcher, tmp_path: Path) -> None:
    site.answers["/a"] = reply(b"x")
    await fetcher.fetch(site.url("/a?q=1#fragment"), tmp_path / "file", LIMIT)
    lines = site.heads[0].splitlines()
    assert lines[0] == "GET /a?q=1 HTTP/1.1"
    assert f"Host: 127.0.0.1:{site.port}" in lines
    assert "Accept-Encoding: identity" in lines
    assert not [line for line in lines if line.lower().startswith(("cookie", "authorization", "referer"))]


async def test_chunked_and_unframed_bodies_arrive(site: Site, fetcher: Fetcher, tmp_path: Path) -> None:
    site.answers["/chunked"] = reply(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", Transfer_Encoding="chunked")
    site.answers["/unframed"] = b"HTTP/1.0 200 OK\r\n\r\nabcde"
    for path in site.answers:
        await fetcher.fetch(site.url(path), tmp_path / "file", LIMIT)
        assert (tmp_path / "file").read_bytes() == b"abcde"


async def test_a_file_of_exactly_the_limit_is_accepted(site: Site, fetcher: Fetcher, tmp_path: Path) -> None:
    site.answers["/a"] = reply()
    assert (await fetcher.fetch(site.url("/a"), tmp_path / "file", len(BODY))).size == len(BODY)


@pytest.mark.parametrize("length", [str(LIMIT + 1), str(10**17)])
async def test_a_stated_length_over_the_limit_is_refused_unread(
    site: Site, fetcher: Fetcher, tmp_path: Path, length: str
) -> None:
    site.answers["/a"] = reply(b"", Content_Length=length)
    assert "larger than 2 MiB" in await refusal(fetcher, site.url("/a"), tmp_path)


@pytest.mark.parametrize(
    "framing", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]
)
async def test_an_endless_body_is_cut_at_the_limit(
    site: Site, fetcher: Fetcher, tmp_path: Path, framing: bytes
) -> None:
    sent = 0

    async def pour(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(framing)
        while not writer.is_closing():
            data = b"x" * 65_536
            writer.write(b"%x\r\n%b\r\n" % (len(data), data) if b"chunked" in framing else data)
            await writer.drain()
            sent += len(data)

    site.answers["/a"] = pour
    assert "larger than 2 MiB" in await refusal(fetcher, site.url("/a"), tmp_path)
    assert sent < 20 << 20


async def test_a_compressed_answer_is_refused_unread(site: Site, fetcher: Fetcher, tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(64 << 20))
    for encoding in ("gzip", "br", "deflate", "zstd", "gzip, identity"):
        site.answers["/a"] = reply(bomb, Content_Encoding=encoding)
        assert "compresses" in await refusal(fetcher, site.url("/a"), tmp_path)


async def test_a_gzip_file_is_stored_as_it_is(site: Site, fetcher: Fetcher, tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(64 << 20))
    site.answers["/a"] = reply(bomb, Content_Encoding="identity")
    assert (await fetcher.fetch(site.url("/a"), tmp_path / "file", LIMIT)).size == len(bomb)


@pytest.mark.parametrize("number", [201, 204, 206, 304, 400, 401, 403, 404, 410, 429, 500, 503])
async def test_every_status_but_200_is_refused_by_its_number(
    site: Site, fetcher: Fetcher, tmp_path: Path, number: int
) -> None:
    site.answers["/a"] = reply(b"", status=f"{number} Reason")
    assert f"status {number}" in await refusal(fetcher, site.url("/a?token=secret"), tmp_path)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"+OK redis\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000,
    ],
)
async def test_a_server_that_breaks_off_or_speaks_nonsense_is_unavailable(
    site: Site, fetcher: Fetcher, tmp_path: Path, answer: bytes
) -> None:
    site.answers["/a"] = answer
    message = await refusal(fetcher, site.url("/a?token=secret"), tmp_path)
    assert message.startswith(site.url("/a") + " cannot be fetched: ")
    assert "secret" not in message


async def test_a_closed_port_is_unavailable(fetcher: Fetcher, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        assert (await refusal(fetcher, url, tmp_path)).endswith("cannot be fetched: the server cannot be reached.")


async def test_a_server_that_stays_silent_is_given_up(
    site: Site, fetcher: Fetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.media.fetch._PATIENCE", httpx.Timeout(60.0, read=0.1))
    gone = asyncio.Event()

    async def wait(_writer: asyncio.StreamWriter) -> None:
        await gone.wait()

    site.answers["/a"] = wait
    assert "sends nothing for 0.1 s" in await refusal(fetcher, site.url("/a"), tmp_path)
    gone.set()


async def test_a_server_that_drips_is_given_up(
    site: Site, fetcher: Fetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.media.fetch._TOTAL_SECONDS", 0.3)

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    site.answers["/a"] = drip
    assert "longer than 0.3 s" in await refusal(fetcher, site.url("/a"), tmp_path)


async def test_a_full_disk_is_our_fault_and_leaves_no_file(
    site: Site, fetcher: Fetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    site.answers["/a"] = reply()
    with pytest.raises(OSError, match="No space"):
        await fetcher.fetch(site.url("/a"), tmp_path / "file", LIMIT)
    assert file_names(tmp_path) == []


async def test_a_cancelled_download_leaves_no_file(site: Site, fetcher: Fetcher, tmp_path: Path) -> None:
    begun, gone = asyncio.Event(), asyncio.Event()

    async def stall(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        begun.set()
        await gone.wait()

    site.answers["/a"] = stall
    fetching = asyncio.create_task(fetcher.fetch(site.url("/a"), tmp_path / "file", LIMIT))
    await begun.wait()
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    gone.set()
    assert file_names(tmp_path) == []
