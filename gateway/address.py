"""Where a client connects from: its own address, or what a proxy that is trusted says. No I/O."""

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
UNKNOWN = "unknown"
_V6_SITE_BITS = 64  # one site's, who may use any address in it


def networks_of(text: str) -> tuple[Network, ...]:
    """Addresses and networks after commas.  Raises ValueError."""
    return tuple(ipaddress.ip_network(one.strip()) for one in text.split(",") if one.strip())


def is_trusted(peer: str, trusted: Sequence[Network]) -> bool:
    """Whether this is a proxy whose word counts."""
    found = _parsed(peer)
    return found is not None and any(found in network for network in trusted)


def client_address(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The address that limits are counted by.

    forwarded: the values of X-Forwarded-For, each with addresses after commas: every proxy adds the one that it was
    called from. The last that is no trusted proxy is the client; what stands before it, anybody can have written.
    """
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    found = _parsed(peer)
    while found is not None and hops and is_trusted(str(found), trusted):
        found = _parsed(hops.pop())
    if found is None:
        return UNKNOWN
    if found.version == 6:
        return str(ipaddress.ip_network((found, _V6_SITE_BITS), strict=False))
    return str(found)


def _parsed(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found
