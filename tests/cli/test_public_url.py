"""The public address, asked over real TLS as a provider would ask it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest

from app.cli import public_url
from app.cli.public_url import PublicUrlError, check_public_url
from tests.media.site import Site, reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HEALTH = reply(b'{"status":"ok","service":"reelgate","version":"1"}')


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Give a folder with key.pem and cert.pem: self-signed, for the name gate.example alone."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=gate.example"
    names = ["-addext", "subjectAltName=DNS:gate.example", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run([*command.split(), *names], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


@pytest.fixture
async def site(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    """Serve over https as gate.example, which is this machine and counts as public here."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    monkeypatch.setattr(public_url, "is_public", lambda _address: True)
    monkeypatch.setattr(socket, "getaddrinfo", lambda _h, port, *_a, **_o: [(2, 1, 6, "", ("127.0.0.1", port or 0))])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    made = Site()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    await server.wait_closed()


async def test_a_gateway_behind_its_public_address_is_found(site: Site) -> None:
    site.answers["/video/healthz"] = HEALTH
    url = site.url("/video", "gate.example", "https")
    assert await check_public_url(url, running=True) == f"{url} leads to a gateway"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (reply(b"", status="502 Bad Gateway"), "/healthz answers 502: let it pass everything on to the gateway"),
        (reply(b"", status="301 Moved", Location="/elsewhere"), "/healthz answers 301"),
        (reply(b"<h1>Welcome to nginx!</h1>"), "/healthz is answered by something else"),
        (b"", "/healthz does not answer"),
    ],
)
async def test_an_address_that_leads_elsewhere_is_refused_while_the_gateway_runs(
    site: Site, answer: bytes, said: str
) -> None:
    site.answers["/healthz"] = answer
    url = site.url("", "gate.example", "https")
    with pytest.raises(PublicUrlError) as error:
        await check_public_url(url, running=True)
    assert said in str(error.value)
    assert "is seen when the gateway runs" in await check_public_url(url, running=False)


async def test_a_certificate_for_another_name_is_no_answer(site: Site) -> None:
    site.answers["/healthz"] = HEALTH
    with pytest.raises(PublicUrlError, match="CERTIFICATE_VERIFY_FAILED"):
        await check_public_url(site.url("", "other.example", "https"), running=True)
    assert site.heads == []
