"""The one way out of a network of one's own: to the provider of the model, and nowhere else.

The agent connects to the provider's address as ever. In its network that address is its
own, and a socket that listens there was handed to us; each connection goes on from here.
"""

import os
import socket
import ssl
import struct
import threading
from base64 import b64encode
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

CHUNK_BYTES = 64 * 2**10
CONNECT_SECONDS = 30
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: end it as broken, not as finished


class Relay:
    """Carries connections to one address of the provider, through a proxy where one is set."""

    def __init__(self, scheme: str, host: str, port: int) -> None:
        self._address = (host, port)
        self._proxy = _find_proxy(scheme, host)

    def serve(self, listeners: list[socket.socket]) -> None:
        for listener in listeners:
            _start(self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            with suppress(OSError):
                _start(self._carry, listener.accept()[0])

    def _carry(self, inner: socket.socket) -> None:
        try:
            outer = self._connect()
        except OSError:
            _break(inner)
            return
        # An answer that is streamed comes in small pieces, each of them at once.
        for one in (inner, outer):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = _start(_pump, outer, inner)
        _pump(inner, outer)
        back.join()
        inner.close()
        outer.close()

    def _connect(self) -> socket.socket:
        if self._proxy is None:
            made = socket.create_connection(self._address, CONNECT_SECONDS)
        else:
            made = _connect_by_proxy(self._proxy, *self._address)
        made.settimeout(None)
        return made


def _find_proxy(scheme: str, host: str) -> str | None:
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    # Slow to load, and seldom needed.
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415

    proxies = getproxies()
    if proxy_bypass(host):
        return None
    return proxies.get(scheme) or proxies.get("all")


def _connect_by_proxy(proxy: str, host: str, port: int) -> socket.socket:
    """Connect by way of an HTTP proxy."""
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    is_https = parts.scheme == "https"
    place = (parts.hostname or "", parts.port or (443 if is_https else 80))
    made = socket.create_connection(place, CONNECT_SECONDS)
    if is_https:
        context = ssl.create_default_context()
        made = context.wrap_socket(made, server_hostname=parts.hostname)
    made.sendall(
        _make_connect_request(parts, f"[{host}]" if ":" in host else host, port)
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = made.recv(1)  # no more than the head: what follows is the provider's
        if not piece:
            raise ConnectionError("The proxy closed the connection.")
        answer += piece
    if answer.split(b" ", 2)[1] != b"200":
        raise ConnectionError("The proxy refuses.")
    return made


def _make_connect_request(proxy: Any, host: str, port: int) -> bytes:
    lines = [f"CONNECT {host}:{port} HTTP/1.1", f"Host: {host}:{port}"]
    if proxy.username:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        code = b64encode(pair.encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {code}")
    return "\r\n".join([*lines, "", ""]).encode()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(CHUNK_BYTES):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        _break(target)
        _break(source)


def _break(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        connection.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        connection.close()


def _start(work: Any, *args: Any) -> threading.Thread:
    thread = threading.Thread(target=work, args=args, daemon=True)
    thread.start()
    return thread
