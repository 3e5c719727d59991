"""Reads the environment: what is not set has a default."""

import os
from ipaddress import IPv4Network, IPv6Network, ip_network

from django.core.exceptions import ImproperlyConfigured


def read_flag(name: str) -> bool:
    return os.environ.get(name, "").lower() in {"1", "true", "yes", "on"}


def read_names(name: str) -> list[str]:
    return [
        part.strip() for part in os.environ.get(name, "").split(",") if part.strip()
    ]


def read_whole_number(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal():
        raise ImproperlyConfigured(f"{name} takes a whole number; got {text!r}.")
    return int(text)


def read_networks(name: str) -> list[IPv4Network | IPv6Network]:
    """Read addresses and networks: `10.1.2.3, 192.168.0.0/16`."""
    try:
        return [ip_network(text) for text in read_names(name)]
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name} takes addresses and networks, such as 10.1.0.0/16: {error}."
        ) from error
