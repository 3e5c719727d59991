"""The addresses that `serve` listens on, and how to reach it there."""

import socket
from ipaddress import ip_address

from django.conf import settings
from django.core.management.base import CommandError
from django.http.request import validate_host

LOOPBACK = ("localhost", "127.0.0.1")


def list_addresses(host: str) -> list[str]:
    if host not in LOOPBACK:
        try:
            return [str(ip_address(host))]
        except ValueError:
            raise CommandError(
                f"--host takes an address, such as 0.0.0.0, or localhost; got {host!r}."
            ) from None
    # Both: what `localhost` means is the client's choice.
    return ["127.0.0.1", "::1"] if _has_ipv6() else ["127.0.0.1"]


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def check_free(addresses: list[str], port: int) -> None:
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                raise CommandError(
                    f"Cannot listen on {address} port {port}: {error.strerror}."
                    " Is another server running? Choose another one with --port."
                ) from error


def reachable_at(addresses: list[str], port: int) -> tuple[str, str]:
    """Return an address that answers requests, and what to do where others are refused."""
    if "127.0.0.1" in addresses:
        return f"http://localhost:{port}", ""
    address = ip_address(addresses[0])
    host = f"[{address}]" if address.version == 6 else str(address)
    public = [
        name
        for name in settings.ALLOWED_HOSTS
        if name not in settings.STAGENT_LOCAL_HOSTS
    ]
    if address.is_unspecified:
        loopback = "[::1]" if address.version == 6 else "127.0.0.1"
        names = [name for name in public if name[0] not in ".*"]
        return f"http://{names[0] if names else loopback}:{port}", (
            "" if public else _warn_of_refusal("the name or address that they use")
        )
    is_served = validate_host(host, settings.ALLOWED_HOSTS)
    return f"http://{host}:{port}", "" if is_served else _warn_of_refusal(host)


def _warn_of_refusal(name: str) -> str:
    return (
        "Requests from other machines are refused until STAGENT_ALLOWED_HOSTS is set to"
        f" {name}."
    )
