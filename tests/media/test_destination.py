"""Where a URL may lead: every way to write an address of the inside is refused before anything connects."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections import Counter
from typing import TYPE_CHECKING

import httpx
import pytest

from app.media.destination import Resolver, shown
from app.media.errors import Busy, MediaError
from app.media.network import NetworkPolicy
from app.media.shares import Places, work_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Names = Callable[[dict[str, list[str]]], None]

INSIDE = [
    *("https://127.0.0.1/", "https://127.0.0.1:443/", "https://127.1/", "https://127.0.1/", "https://0x7f.1/"),
    *(
        "https://0x7f000001/",
        "https://2130706433/",
        "https://017700000001/",
        "https://0x7f.0.0.1",
    ),
    *("https://0/", "https://0.0.0.0/", "https://0x0/", "https://127.0.0.1./"),
    *("https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://LocalHost:443/"),
    *("https://[::1]/", "https://[::]/", "https://[0:0:0:0:0:0:0:1]/", "https://[::127.0.0.1]/"),
    *("https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[0:0:0:0:0:ffff:10.0.0.1]/"),
    *("https://[64:ff9b::7f00:1]/", "https://[64:ff9b:1::a00:1]/", "https://[2002:7f00:1::]/", "https://[fec0::1]/"),
    *("https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", "https://[fd00:ec2::254]/", "https://[fe80::1]/"),
    *("https://[ff02::1]/", "https://[3fff::1]/", "https://[5f00::1]/", "https://[::ffff:169.254.169.254]/"),
    *(
        "https://169.254.169.254/latest/meta-data/",
        "https://0xa9fea9fe/",
        "https://2852039166/",
        "https://169.254.43518/",
    ),
    *("https://169.254.170.2/v2/credentials/", "https://100.100.100.200/"),
    *("https://10.0.0.1/", "https://10.1/", "https://172.16.0.1/", "https://192.168.0.1/", "https://192.168.257/"),
    *(
        "https://100.64.0.1/",
        "https://192.0.0.192/",
        "https://198.18.0.1/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
    ),
    "https://127。0。0。1/",  # other full stops count as dots in host names
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://localtest.example/",
    "https://127.0.0.1.nip.example/",
    "https://mixed.example/",
    "https://mapped.example/",
]

MALFORMED = [
    *("", " ", "x", "/etc/passwd", "//1.1.1.1/", "1.1.1.1", "https:", "https:1.1.1.1", "https:/1.1.1.1/", "https://"),
    *(
        "https:///path",
        "https://?x",
        "https://#x",
        "https://[::1",
        "https://1.1.1.1:port/",
        "https://1.1.1.1:99999999/",
    ),
    *("https://1.1.1.1\n/", "https://1.1.1.1/\r\nHost: x", "https://1.1.1.1\x00.example/", "https://1.1.1.1\t/"),
    *("file:///etc/passwd", "file://1.1.1.1/x", "FILE:///etc/passwd", "gopher://1.1.1.1:25/_HELO", "ftp://1.1.1.1/x"),
    *(
        "dict://1.1.1.1:11211/stats",
        "ldap://1.1.1.1/",
        "data:text/plain,x",
        "javascript:alert(1)",
        "unix:///run/x.sock",
    ),
    *("jar:https://1.1.1.1/!/", "concat:https://1.1.1.1/a", "ws://1.1.1.1/", "s3://bucket/key", "https\x00://1.1.1.1"),
    *("https://0177.0.0.1/", "https://127.000.000.001/", "https://0251.0376.0251.0376/"),
    "https://1.1.1.1/" + "a" * 9000,
]

OFF_LIMITS = [
    *("http://1.1.1.1/", "http://1.1.1.1:443/", "https://1.1.1.1:80/", "https://1.1.1.1:8443/", "https://1.1.1.1:22/"),
    *("https://1.1.1.1:0/", "https://user@1.1.1.1/", "https://user:pass@1.1.1.1/", "https://:pass@1.1.1.1/"),
    *("https://1.1.1.1@127.0.0.1/", "https://1.1.1.1%40127.0.0.1@8.8.8.8/", "https://1.1.1.1\\@127.0.0.1/"),
    "https://public.example:8443/",
]

NAMES = {
    "metadata.google.internal": ["169.254.169.254"],
    "localtest.example": ["127.0.0.1"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "mixed.example": ["1.1.1.1", "10.0.0.1"],
    "mapped.example": ["::ffff:10.0.0.1"],
    "public.example": ["93.184.215.14", "2606:2800:21f:cb07::1"],
    "private.example": ["10.0.0.7"],
    "all": ["10.0.0.7"],
}


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer for made-up names; everything else, numbers above all, is left to the real resolver."""
    real = socket.getaddrinfo

    def look_up(host: str, *arguments: object, **options: object) -> list[tuple[object, ...]]:
        if host in NAMES:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in NAMES[host]]
        return real(host, *arguments, **options)  # type: ignore[arg-type,return-value]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


async def refusal(url: str, allow: str = "") -> str:
    with pytest.raises(MediaError) as caught:
        await Resolver(NetworkPolicy.parse(allow)).resolve(url)
    assert caught.value.code == "url_not_allowed"
    return caught.value.message


@pytest.mark.parametrize("url", INSIDE)
async def test_the_inside_is_refused_however_it_is_written(url: str) -> None:
    assert "not on the public internet" in await refusal(url)


async def test_the_setting_that_a_refusal_names_opens_the_host_and_no_other_of_the_inside() -> None:
    named = {url: (await refusal(url)).partition("NETWORKS=")[2].removesuffix(" opens it.") for url in INSIDE}
    for url, value in named.items():
        if value:
            await Resolver(NetworkPolicy.parse(value)).resolve(url)
            assert "not on the public internet" in await refusal("https://private.example/", value)
    for url in ("https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://mixed.example/"):
        assert named[url] == httpx.URL(url).host


async def test_a_refusal_does_not_tell_where_a_name_leads() -> None:
    message = await refusal("https://private.example/")
    assert "REELGATE_ALLOW_PRIVATE_NETWORKS=private.example opens it." in message
    assert NAMES["private.example"][0] not in message


async def test_a_host_by_the_name_of_all_is_no_reason_to_open_everything() -> None:
    assert "REELGATE_ALLOW_PRIVATE_NETWORKS" not in await refusal("https://all/")


@pytest.mark.parametrize("url", MALFORMED)
async def test_what_is_not_an_https_url_is_refused(url: str) -> None:
    assert len(await refusal(url)) < 300


@pytest.mark.parametrize("url", OFF_LIMITS)
async def test_plain_http_other_ports_and_credentials_are_refused(url: str) -> None:
    message = await refusal(url)
    assert "443" in message or "password" in message
    assert "pass@" not in message


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://1.1.1.1/a.png", "1.1.1.1"),
        ("https://1.1.1.1:443/a.png?signature=x#f", "1.1.1.1"),
        ("HTTPS://PUBLIC.example/a.png", "93.184.215.14"),
        ("https://public.example./a.png", "93.184.215.14"),
        ("https://[2606:4700:4700::1111]/", "2606:4700:4700::1111"),
        ("https://1.1.1.1#@127.0.0.1/", "1.1.1.1"),
    ],
)
async def test_public_https_is_allowed_and_its_address_is_kept(url: str, address: str) -> None:
    found = await Resolver(NetworkPolicy()).resolve(url)
    assert found.address == ipaddress.ip_address(address)


@pytest.mark.parametrize(
    ("allow", "url"),
    [
        ("all", "http://127.0.0.1:9000/x"),
        ("10.0.0.0/8", "http://private.example:8080/x"),
        ("private.example", "http://private.example:8080/x"),
        ("10.0.0.0/8", "https://mixed.example/x"),
    ],
)
async def test_what_the_operator_opened_is_allowed_with_http_and_any_port(allow: str, url: str) -> None:
    await Resolver(NetworkPolicy.parse(allow)).resolve(url)


@pytest.mark.parametrize(
    ("allow", "url"),
    [
        ("10.0.0.0/8", "http://mixed.example/x"),  # one of its addresses is outside what was opened
        ("10.0.0.0/8", "http://127.0.0.1/"),
        ("10.0.0.0/8", "http://1.1.1.1/"),
        ("private.example", "https://10.0.0.7/"),  # the name was opened and not its address
        ("all", "file:///etc/passwd"),
        ("all", "https://user:pass@10.0.0.1/"),
    ],
)
async def test_opening_one_thing_opens_nothing_else(allow: str, url: str) -> None:
    await refusal(url, allow)


@pytest.mark.parametrize(
    "url",
    [
        "https://no-such-name.invalid/x?token=secret",
        "https://%31%32%37.0.0.1/",
        "https://[fe80::1%25no-such-interface]/",
        f"https://{'a' * 64}.example/",
        "https://../",
        "https://xn--/",
    ],
)
async def test_a_host_that_is_not_found_is_unavailable(url: str) -> None:
    with pytest.raises(MediaError, match="host is not found") as caught:
        await Resolver(NetworkPolicy()).resolve(url)
    assert caught.value.code == "media_unavailable"
    assert "secret" not in caught.value.message


async def test_a_name_server_that_keeps_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()
    monkeypatch.setattr("app.media.destination._DNS_SECONDS", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_options: answer.wait(10) and [])
    try:
        with pytest.raises(MediaError, match="host is not found"):
            await Resolver(NetworkPolicy()).resolve("https://slow.example/")
    finally:
        answer.set()


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://a.example/p/q.png?X-Amz-Signature=secret#f", "https://a.example/p/q.png"),
        ("https://user:secret@a.example:8443/", "https://a.example:8443/"),
        ("http://[::1]:80/x", "http://[::1]/x"),
        ("https://a.example/" + "x" * 999, "https://a.example/" + "x" * 182),
    ],
)
def test_a_url_in_a_message_has_no_secrets_and_is_short(url: str, text: str) -> None:
    assert shown(httpx.URL(url)) == text


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the name servers of names under hang.example keep silent until the test ends."""
    answer, real = threading.Event(), socket.getaddrinfo

    def look_up(host: str, *arguments: object, **options: object) -> object:
        if host.endswith("hang.example"):
            answer.wait(30)
        return real(host, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield
    answer.set()


async def outcome(owner: str, host: str) -> str:
    try:
        with work_for(owner):
            await Resolver(NetworkPolicy()).resolve(f"https://{host}/")
    except Busy:
        return "busy"
    except MediaError as error:
        return error.code
    return "found"


@pytest.mark.usefixtures("silence")
async def test_one_owners_names_that_hang_keep_no_other_owners_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.media.destination._DNS_SECONDS", 3.0)
    monkeypatch.setattr("app.media.destination._TURN_SECONDS", 3.0)
    hostile = asyncio.gather(*(outcome("a", f"{number}.hang.example") for number in range(100)))
    await asyncio.sleep(0.1)
    assert await outcome("b", "93.184.216.34") == "found"
    assert not hostile.done(), "none of them has been given up yet"
    assert Counter(await hostile) == {"media_unavailable": 8, "busy": 92}
    monkeypatch.setattr("app.media.destination._TURN_SECONDS", 0.1)
    assert await outcome("a", "93.184.216.34") == "busy"  # the threads are still waiting


@pytest.mark.usefixtures("silence")
async def test_a_look_up_that_waits_for_its_turn_loses_none_of_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.media.destination._DNS_SECONDS", 2.0)
    places = Places(total=1, each=1)
    monkeypatch.setattr("app.media.destination._PLACES", places)
    async with places.place():
        waiting = asyncio.create_task(outcome("b", "93.184.216.34"))
        await asyncio.sleep(2.5)
    assert await waiting == "found"
