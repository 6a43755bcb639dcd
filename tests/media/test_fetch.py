"""Downloads from a real server on the loopback interface that answers badly on request."""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING, TypeAlias

import httpx
import pytest

from app.media.errors import MediaError
from app.media.fetch import FetchedFile, Fetcher
from app.media.network import NetworkPolicy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

BODY = bytes(range(256)) * 4096  # 1 MiB
LIMIT = 2 << 20
Answer: TypeAlias = "bytes | Callable[[asyncio.StreamWriter], object]"


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
                result = answer(writer)
                assert asyncio.iscoroutine(result)
                await result
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client had enough
        finally:
            writer.close()

    def url(self, path: str, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    await server.wait_closed()


@pytest.fixture
def fetcher() -> Fetcher:
    return Fetcher(NetworkPolicy.parse("127.0.0.1"))


def reply(body: bytes = BODY, status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    if "Content_Length" not in headers and "Transfer_Encoding" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def refusal(fetcher: Fetcher, url: str, folder: Path, code: str = "media_unavailable") -> str:
    with pytest.raises(MediaError) as caught:
        await fetcher.fetch(url, folder / "file", LIMIT)
    assert caught.value.code == code
    assert _names(folder) == []
    return caught.value.message


def _names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))  # noqa: PTH208 - names are what is compared


async def test_a_file_arrives_whole_with_its_declared_type(site: Site, fetcher: Fetcher, tmp_path: Path) -> None:
    site.answers["/a.png"] = reply(Content_Type="image/png")
    fetched = await fetcher.fetch(site.url("/a.png?token=x"), tmp_path / "file", LIMIT)
    assert fetched == FetchedFile(tmp_path / "file", "image/png", len(BODY))
    assert fetched.path.read_bytes() == BODY
    assert _names(tmp_path) == ["file"]


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
        assert "cannot be reached" in await refusal(fetcher, url, tmp_path)


async def test_a_server_that_stays_silent_is_given_up(
    site: Site, fetcher: Fetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.media.fetch._PATIENCE", httpx.Timeout(1.0, read=0.1))
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


async def test_three_redirects_are_followed_and_relative_ones_too(site: Site, fetcher: Fetcher, tmp_path: Path) -> None:
    site.answers["/1"] = reply(b"", status="301 Moved", Location="/2?x=1")
    site.answers["/2"] = reply(b"", status="302 Found", Location=site.url("/3"), Set_Cookie="id=1")
    site.answers["/3"] = reply(b"", status="307 Temporary", Location="./4")
    site.answers["/4"] = reply(b"here")
    assert (await fetcher.fetch(site.url("/1"), tmp_path / "file", LIMIT)).size == 4
    assert [head.split()[1] for head in site.heads] == ["/1", "/2?x=1", "/3", "/4"]
    assert "cookie" not in "".join(site.heads).lower()


async def test_a_fourth_redirect_is_refused(site: Site, fetcher: Fetcher, tmp_path: Path) -> None:
    site.answers["/1"] = reply(b"", status="308 Permanent", Location="/1")
    assert "redirects more than 3 times" in await refusal(fetcher, site.url("/1"), tmp_path)
    assert len(site.heads) == 4


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://127.0.0.2/",
        "https://[::1]/",
        "https://0x7f000002/",
        "http://1.1.1.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/_x",
        "//10.0.0.1/x",
        "https://user:pass@1.1.1.1/",
    ],
)
async def test_a_redirect_is_judged_like_the_first_url(
    site: Site, fetcher: Fetcher, tmp_path: Path, location: str
) -> None:
    site.answers["/a"] = reply(b"", status="302 Found", Location=location)
    await refusal(fetcher, site.url("/a"), tmp_path, "url_not_allowed")


@pytest.mark.parametrize("location", [None, "", "http://[::1"])
async def test_a_redirect_to_nowhere_ends(site: Site, fetcher: Fetcher, tmp_path: Path, location: str | None) -> None:
    headers = {} if location is None else {"Location": location}
    site.answers["/a"] = reply(b"", status="302 Found", **headers)
    await refusal(fetcher, site.url("/a"), tmp_path)


async def test_the_loopback_is_closed_unless_the_operator_opens_it(site: Site, tmp_path: Path) -> None:
    closed = Fetcher(NetworkPolicy())
    await refusal(closed, site.url("/a"), tmp_path, "url_not_allowed")
    with pytest.raises(MediaError):
        await closed.check(site.url("/a"))
    assert site.heads == []


async def test_a_check_connects_to_nothing(site: Site, fetcher: Fetcher) -> None:
    await fetcher.check(site.url("/a"))
    assert site.heads == []


async def test_a_proxy_in_the_environment_is_not_used(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    site.answers["/a"] = reply(b"x")
    fetcher = Fetcher(NetworkPolicy.parse("127.0.0.1"))
    assert (await fetcher.fetch(site.url("/a"), tmp_path / "file", LIMIT)).size == 1


async def test_a_name_that_changes_its_address_after_the_check_changes_nothing(
    site: Site, fetcher: Fetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["127.0.0.1", "10.0.0.1"])
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_o: [(socket.AF_INET, 1, 6, "", (next(answers), 0))])
    site.answers["/a"] = reply(b"x")
    assert (await fetcher.fetch(site.url("/a", "rebind.example"), tmp_path / "file", LIMIT)).size == 1
    assert f"Host: rebind.example:{site.port}" in site.heads[0]
    assert next(answers) == "10.0.0.1", "the name was looked up once"


async def test_a_full_disk_is_our_fault_and_leaves_no_file(
    site: Site, fetcher: Fetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    site.answers["/a"] = reply()
    with pytest.raises(OSError, match="No space"):
        await fetcher.fetch(site.url("/a"), tmp_path / "file", LIMIT)
    assert _names(tmp_path) == []


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
    assert _names(tmp_path) == []


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with key.pem and cert.pem: self-signed, for the name files.example alone."""
    folder = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=files.example"
    )
    names = ["-addext", "subjectAltName=DNS:files.example", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run([*command.split(), *names], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize(("host", "valid"), [("files.example", True), ("other.example", False), ("127.0.0.1", False)])
async def test_the_certificate_must_be_for_the_name_although_the_connection_goes_to_an_address(
    certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, *, valid: bool
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_o: [(socket.AF_INET, 1, 6, "", ("127.0.0.1", 0))])
    asked: list[str | None] = []
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    tls.sni_callback = lambda _socket, name, _context: asked.append(name)
    site = Site()
    site.answers["/a"] = reply(b"x")
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0, ssl=tls)
    site.port = server.sockets[0].getsockname()[1]
    fetcher = Fetcher(NetworkPolicy.parse("127.0.0.1"))
    if valid:
        assert (await fetcher.fetch(site.url("/a", host, "https"), tmp_path / "file", LIMIT)).size == 1
        assert asked == [host]
    else:
        assert "certificate is not valid" in await refusal(fetcher, site.url("/a", host, "https"), tmp_path)
        assert site.heads == []
    server.close()
    await server.wait_closed()
