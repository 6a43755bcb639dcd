"""The hostile URLs of the data file, names that lead inside, and a watch on the interpreter's own sockets."""

from __future__ import annotations

import errno
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

PUBLIC = "93.184.215.14"
NAMES = {
    "public.example": [PUBLIC],
    "example.com": [PUBLIC],
    "localhost": ["127.0.0.1", "::1"],
    "localhost.localdomain": ["127.0.0.1"],
    "ip6-localhost": ["::1"],
    "metadata.google.internal": ["169.254.169.254"],
    "instance-data.ec2.internal": ["169.254.169.254"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "7f000001.rbndr.example": ["127.0.0.1"],
    "a.10.0.0.1.xip.example": ["10.0.0.1"],
    "localtest.example": ["127.0.0.1"],
    "www.localtest.example": ["127.0.0.1"],
    "private.example": ["10.0.0.7"],
    "linklocal.example": ["fe80::1"],
    "mixed.example": [PUBLIC, "10.0.0.1"],
    "mixed6.example": ["2606:4700:4700::1111", "fd00::1"],
    "mapped.example": ["::ffff:10.0.0.1"],
    "nat64.example": ["64:ff9b::a00:1"],
    "sixtofour.example": ["2002:a00:1::1"],
    "teredo.example": ["2001:0:102:304:0:ffff:f5ff:fffe"],
    "ula.example": ["fd00::1"],
    "cgnat.example": ["100.64.0.1"],
    "zero.example": ["0.0.0.0"],  # noqa: S104 - an answer of a name server, not a place to listen
    "multicast.example": ["239.1.1.1"],
    "kubernetes.default.svc": ["10.96.0.1"],
    "host.docker.internal": ["172.17.0.1"],
    "redis": ["172.18.0.2"],
    "postgres": ["172.18.0.3"],
    "intranet": ["192.168.0.10"],
}

_LINES = (Path(__file__).parent / "hostile_urls.txt").read_text().splitlines()
HOSTILE = [line.encode().decode("unicode_escape") for line in _LINES if line and not line.startswith("#")]


class Watch:
    """Every connection that this interpreter begins, whoever begins it; only loopback is ever let through."""

    def __init__(self) -> None:
        self.active = False
        self.seen: list[tuple[str, int]] = []

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if event != "socket.connect" or not self.active or not isinstance(arguments[1], tuple):
            return
        host, port = arguments[1][:2]
        self.seen.append((host, port))
        if host != "127.0.0.1":
            raise OSError(errno.ENETUNREACH, "the tests connect to nothing outside")


watch = Watch()
sys.addaudithook(watch)


def answer_names(monkeypatch: pytest.MonkeyPatch, answers: dict[str, list[str]]) -> None:
    """Be the name server: numbers are read as the machine reads them, other names do not exist."""
    real = socket.getaddrinfo

    def look_up(host: str, port: object = None, *arguments: int, **options: int) -> list[tuple[object, ...]]:
        name = host.lower() if isinstance(host, str) else host
        if name in answers:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in answers[name]]
        options["flags"] = socket.AI_NUMERICHOST
        return real(host, port, *arguments, **options)  # type: ignore[arg-type,return-value]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
