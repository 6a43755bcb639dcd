"""Where webhooks may go: hostile addresses see no connection, looked at from the interpreter's own sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.media.errors import MediaError
from app.media.network import NetworkPolicy
from app.services import posting
from app.services.posting import Poster
from tests.media.test_destination import INSIDE, MALFORMED, NAMES, OFF_LIMITS
from tests.receiver import receiving, status

if TYPE_CHECKING:
    from pathlib import Path

    from tests.receiver import Receiver

_connections: list[object] = []
_others: set[int | None] = set()  # threads of gateways that other tests have started
_INSIDE = ["127.0.0.1", "0x7f.1", "2130706433", "[::1]", "[::ffff:7f00:1]", "localhost", "10.0.0.1", "169.254.169.254"]
_CLOSED = [
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "[fd00::1]",
    "[fe80::1]",
    "[::]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
]
_OTHER_PORTS = (1, 21, 22, 25, 80, 444, 3000, 5432, 6379, 8000, 8080, 8444, 65535)
_ALLOWED = {"https://1.1.1.1:8443/", "https://public.example:8443/"}  # for webhooks, though not for downloads
HOSTILE = sorted(
    {
        *(set(OFF_LIMITS) - _ALLOWED),
        *(f"https://1.1.1.1:{port}/" for port in _OTHER_PORTS),
        *(f"https://{host}:{port}/" for host in _INSIDE for port in (443, 8443)),
        *(f"https://{host}/{path}" for host in _CLOSED for path in ("", "hook", "?a=b", "#f")),
        *INSIDE,
        *MALFORMED,
    }
)


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect" and threading.get_ident() not in _others:
        _connections.append(arguments[1])


sys.addaudithook(_watch)


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer for made-up names; numbers are left to the real resolver. And watch what is begun from here."""
    _others.clear()
    _others.update(each.ident for each in threading.enumerate() if each is not threading.current_thread())
    real = socket.getaddrinfo

    def look_up(host: str, *arguments: object, **options: object) -> list[tuple[object, ...]]:
        if host in NAMES:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in NAMES[host]]
        return real(host, *arguments, **options)  # type: ignore[arg-type,return-value]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_there_are_many_hostile_urls() -> None:
    assert len(HOSTILE) > 150


@pytest.mark.parametrize("url", HOSTILE)
async def test_a_hostile_url_is_refused_and_nothing_connects(url: str) -> None:
    poster = Poster(NetworkPolicy())
    _connections.clear()
    with pytest.raises(MediaError) as refused:
        await poster.check(url)
    assert refused.value.code == "url_not_allowed"
    posted = await poster.post(url, {}, b"{}")
    assert posted.status is None
    assert "not allowed" in str(posted.reason)
    assert _connections == []


async def test_the_watch_sees_a_connection_that_is_made(receiver: Receiver) -> None:
    _connections.clear()
    posted = await Poster(NetworkPolicy.parse("127.0.0.1")).post(receiver.url(), {}, b"{}")
    assert posted.arrived
    assert _connections == [("127.0.0.1", receiver.port)]


@pytest.mark.parametrize("url", ["https://1.1.1.1/", "https://1.1.1.1:8443/hook", "https://public.example:443/"])
async def test_public_https_on_both_ports_is_allowed(url: str) -> None:
    await Poster(NetworkPolicy()).check(url)


async def test_a_host_that_does_not_resolve_may_come_yet() -> None:
    poster = Poster(NetworkPolicy())
    await poster.check("https://not-yet.invalid/")
    assert "not found" in str((await poster.post("https://not-yet.invalid/", {}, b"{}")).reason)


async def test_a_name_that_changes_is_connected_to_where_it_was_judged(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ["127.0.0.1", "127.0.0.99"]
    asked: list[str] = []

    def look_up(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(host)
        address = answers[0] if host == "rebinding.example" and len(asked) == 1 else answers[-1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host if host[0].isdigit() else address, receiver.port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    _connections.clear()
    policy = NetworkPolicy.parse("127.0.0.1")
    posted = await Poster(policy).post(f"http://rebinding.example:{receiver.port}/", {}, b"{}")
    assert posted.arrived
    assert _connections == [("127.0.0.1", receiver.port)]
    assert receiver.got[0].headers["host"] == f"rebinding.example:{receiver.port}"
    assert asked.count("rebinding.example") == 1


async def test_a_redirect_to_the_inside_is_not_followed(receiver: Receiver) -> None:
    with receiving() as inside:
        receiver.answer = status(307, Location=inside.url())
        posted = await Poster(NetworkPolicy.parse("127.0.0.1")).post(receiver.url(), {}, b"{}")
        assert (posted.status, posted.arrived, posted.reason) == (307, False, "A redirect is not followed.")
        assert inside.connections == 0


async def test_no_proxy_and_no_credentials_of_the_environment_are_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / ".netrc"
    netrc.write_text("machine 127.0.0.1 login planted password planted\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with receiving() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(""))
        receiver.answer = status(200, Set_Cookie="planted=1")
        poster = Poster(NetworkPolicy.parse("127.0.0.1"))
        for _ in range(2):
            assert (await poster.post(receiver.url(), {}, b"{}")).arrived
        assert proxy.connections == 0
    assert not [got for got in receiver.got if {"authorization", "cookie", "proxy-authorization"} & set(got.headers)]


async def test_a_receiver_without_encryption_that_cannot_be_reached_has_no_certificate_to_blame(
    unused_port: int,
) -> None:
    posted = await Poster(NetworkPolicy.parse("127.0.0.1")).post(f"http://127.0.0.1:{unused_port}/", {}, b"{}")
    assert str(posted.reason).endswith(": it cannot be reached.")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("receiver.example", "None"), ("other.example", "its certificate is not valid for this name")],
)
async def test_the_certificate_is_checked_for_the_name_and_not_for_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    authority = certificate(tmp_path / "certificate.pem", "receiver.example")
    inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    inside.load_cert_chain(tmp_path / "certificate.pem")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(status(204))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=inside)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setitem(NAMES, name, ["127.0.0.1"])
    known = httpx.create_ssl_context()
    known.load_verify_locations(cadata=authority)  # as if it were a public authority's
    monkeypatch.setattr(posting, "certificates", lambda: known)
    poster = Poster(NetworkPolicy.parse("127.0.0.1"))
    posted = await poster.post(f"https://{name}:{port}/", {}, b"{}")
    server.close()
    assert posted.arrived is (reason == "None")
    assert reason in str(posted.reason)


def certificate(path: Path, name: str) -> str:
    """Write a certificate for a name with its key, and return the certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    shown = signed.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + shown)
    return shown.decode()


async def test_what_is_posted_is_what_arrives(receiver: Receiver) -> None:
    body = b'{"text": "\xc3\xa4"}'
    receiver.answer = status(200, b"thanks")
    headers = {"webhook-id": "evt_1", "content-type": "application/json"}
    posted = await Poster(NetworkPolicy.parse("127.0.0.1")).post(receiver.url("/a?b=c"), headers, body)
    (got,) = receiver.got
    assert (got.path, got.body, posted.answer) == ("/a?b=c", body, "thanks")
    assert {**got.headers, **headers} == got.headers
    assert posted.status == httpx.codes.OK
