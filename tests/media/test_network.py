"""Which addresses are public, and what the operator can open."""

from __future__ import annotations

import ipaddress

import pytest

from app.media.network import NetworkPolicy, is_public


@pytest.mark.parametrize(
    "text",
    [
        *("0.0.0.1", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254"),
        *("169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.9", "192.0.0.170", "192.0.2.1"),
        *("192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1"),
        *("240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::808:808", "64:ff9b:1::a00:1", "100::1"),
        *("2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:20::1", "2001:db8::1"),
        *("2002:7f00:1::", "2002:a00:1::1", "3fff::1", "3fff:fff::1", "5f00::1", "fc00::1", "fd00:ec2::254"),
        *("fe80::1", "fe80::1%1", "fec0::1", "ff02::1", "ff0e::1"),
    ],
)
def test_local_reserved_and_embedding_addresses_are_not_public(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text", ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "::ffff:8.8.8.8", "2606:4700:4700::1111", "2a00::1"]
)
def test_ordinary_addresses_are_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    ("policy", "host", "address", "opened"),
    [
        ("", "localhost", "127.0.0.1", False),
        (" , ", "localhost", "127.0.0.1", False),
        ("all", "x", "169.254.169.254", True),
        (" ALL ", "x", "::1", True),
        ("10.0.0.0/8", "x", "10.1.2.3", True),
        ("10.0.0.0/8", "x", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "x", "11.0.0.1", False),
        ("10.0.0.0/8, 127.0.0.1", "x", "127.0.0.1", True),
        ("127.0.0.1", "x", "127.0.0.2", False),
        ("fd00::/8", "x", "fd12::1", True),
        ("fd00::/8", "x", "10.0.0.1", False),
        ("minio,Files.Internal.", "files.internal", "10.0.0.1", True),
        ("my_minio-2", "my_minio-2", "10.0.0.1", True),
        ("minio", "minio.example.com", "10.0.0.1", False),
        ("10.0.0.0/8,all", "x", "127.0.0.1", True),
    ],
)
def test_the_operator_opens_networks_addresses_and_names(policy: str, host: str, address: str, opened: bool) -> None:  # noqa: FBT001
    assert NetworkPolicy.parse(policy).opens(host, ipaddress.ip_address(address)) is opened


@pytest.mark.parametrize(
    "text",
    ["10.0.0.1/8", "10.0.0.0/33", "300.1.1.1", "http://minio", "minio:9000", "*.internal", "a b", "10.0.0", "::g"],
)
def test_an_entry_that_means_nothing_is_refused_at_start(text: str) -> None:
    with pytest.raises(ValueError, match="not a network, an address or a host name"):
        NetworkPolicy.parse(f"127.0.0.1,{text}")
