"""Downloads that are led elsewhere: redirects, proxies, names that change, certificates for another name."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest

from app.media.errors import MediaError
from app.media.fetch import Fetcher
from app.media.network import NetworkPolicy
from tests.media.site import LIMIT, Site, refusal, reply

if TYPE_CHECKING:
    from pathlib import Path


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
    assert not await fetcher.check(site.url("/a"))
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
    monkeypatch.setattr("app.media.fetch.certificates", httpx.create_ssl_context)
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
