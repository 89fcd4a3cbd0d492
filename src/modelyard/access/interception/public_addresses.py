"""Which addresses of a host are public: the proxy is no way into this machine's networks."""

import asyncio
import ipaddress
import socket

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


async def resolve(host: str, port: int) -> list[tuple[str, int]]:
    """The public addresses of `host`, in the order to try them; empty when all are private.

    Raises: OSError: no such host.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
    return [(address, port) for address in addresses if is_public(address)]


def is_public(address: str) -> bool:
    """Whether `address` is on the open internet, also when it wraps an IPv4 address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if parsed in _NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if parsed.teredo is not None or parsed.is_site_local or int(parsed) >> 32 == 0:
            return False
    return parsed.is_global and not parsed.is_multicast
