"""Where webhooks may be sent: to the internet, and to what the settings allow.

A name is looked up when it is sent to, and the address that the connection goes to is the one
that is looked at; else a name could be another's address a moment later.
"""

import errno
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

Address = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")


class AddressRefused(OSError):
    """A webhook is not sent there."""


def find_url_problem(url: str) -> str | None:
    """Say why no webhook can be sent to `url`; None if it may be tried."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "Invalid url"
    is_text = url.isprintable() and " " not in url
    if parts.scheme not in {"http", "https"} or not host or not is_text:
        return "Invalid url"
    if parts.username is not None or parts.password is not None:
        return "No name and password: deliveries are signed"
    try:
        address = ip_address(host)
    except ValueError:
        return None  # a name, which is looked up at each delivery
    return None if may_reach(address) else _refusal(address)


def may_reach(address: Address) -> bool:
    """Tell whether an address is public, or allowed by STAGENT_WEBHOOK_ALLOW."""
    inner = _find_inner(address)
    if any(inner in network for network in settings.STAGENT_WEBHOOK_ALLOW):
        return True
    return inner.is_global and not inner.is_multicast


def make_checked_socket(info: tuple[Any, ...]) -> socket.socket:
    """Make the socket for a connection to `info` (of getaddrinfo), or raise AddressRefused."""
    family, kind, protocol, _, where = info
    address = ip_address(str(where[0]).partition("%")[0])
    if not may_reach(address):
        # With a number, for it is `strerror` that the client's own error tells.
        raise AddressRefused(errno.EACCES, _refusal(address))
    return socket.socket(family, kind, protocol)


def _find_inner(address: Address) -> Address:
    """Return the IPv4 address that one of IPv6 leads to."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address


def _refusal(address: Address) -> str:
    return f"{address} is no public address; STAGENT_WEBHOOK_ALLOW can allow it"
