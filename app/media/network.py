"""Which addresses a URL given by a user may lead to: public ones, and what the operator has opened."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# The last label of a name has a letter; numbers, networks and IPv6 addresses do not match.
_HOST_NAME = re.compile(r"([a-z0-9_-]+\.)*[a-z0-9_-]*[a-z][a-z0-9_-]*\.?")

# Ranges that `is_global` of some supported Python calls public, although they are local, carry an IPv4 address that
# a gateway on the way unpacks, or belong to nobody. Those the newest Python gets right are kept: 3.11 does not.
_REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, where clouds keep services of their own
        "169.254.0.0/16",  # link-local: cloud metadata
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",  # benchmarks
        "240.0.0.0/4",
        "2001::/23",  # protocol assignments, Teredo (2001::/32) among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)


# All that was ever given out of IPv6. Outside lie the local and multicast ranges, and those that carry an IPv4 address:
# compatible (::/96), translated (::ffff:0:0:0/96), NAT64 (64:ff9b::/96).
_GIVEN_OUT = ipaddress.ip_network("2000::/3")


def is_public(address: Address) -> bool:
    """Tell whether `address` is an ordinary unicast address of the internet."""
    plain = _plain(address)
    if isinstance(plain, ipaddress.IPv6Address) and plain not in _GIVEN_OUT:
        return False
    return plain.is_global and not plain.is_multicast and not any(plain in network for network in _REFUSED)


@dataclass(frozen=True)
class NetworkPolicy:
    """What the operator has opened beyond the public internet (REELGATE_ALLOW_PRIVATE_NETWORKS)."""

    everything: bool = False
    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> NetworkPolicy:
        """Read "" (nothing), "all", or a comma list of CIDR networks, addresses and host names.

        Raises ValueError for an entry that is none of these, such as a URL or a network with host bits.
        """
        entries = [entry.strip().lower() for entry in text.split(",") if entry.strip()]
        if "all" in entries:
            return cls(everything=True)
        networks: list[Network] = []
        hosts: set[str] = set()
        for entry in entries:
            if _HOST_NAME.fullmatch(entry):
                hosts.add(entry.removesuffix("."))
                continue
            try:
                networks.append(ipaddress.ip_network(entry))
            except ValueError as error:
                raise ValueError(f"not a network, an address or a host name: {entry!r}") from error
        return cls(networks=tuple(networks), hosts=frozenset(hosts))

    def opens(self, host: str, address: Address) -> bool:
        """Tell whether the operator has opened `address`, to which the name `host` resolved."""
        plain = _plain(address)
        return self.everything or host in self.hosts or any(plain in network for network in self.networks)


def _plain(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
