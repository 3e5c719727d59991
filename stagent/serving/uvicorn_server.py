"""Uvicorn in the process of `serve`: about twice as fast as daphne, from the extra `fast`."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from stagent.serving.http_servers import SERVER_NAME

BACKLOG = 1024
# Requests in hand end by themselves within it. Streams of a log do not, and are ended.
ENDING_SECONDS = 1.0


class Server:
    """Uvicorn, without its signal handlers, its log of requests and its trust in proxies."""

    def __init__(self, application: Any, addresses: list[str], port: int) -> None:
        self._sockets = [_listen(address, port) for address in addresses]
        config = uvicorn.Config(
            application,
            access_log=False,
            headers=[("Server", SERVER_NAME)],
            interface="asgi3",
            lifespan="off",
            log_config=None,
            log_level="warning",
            # Whose headers count is decided where access is.
            proxy_headers=False,
            server_header=False,
            ws="none",
        )
        self._new_loop = config.get_loop_factory()
        self._server = _Uvicorn(config)

    def run(self, on_start: Callable[[asyncio.AbstractEventLoop], None]) -> None:
        self._server.on_start = on_start
        with asyncio.Runner(loop_factory=self._new_loop) as runner:
            runner.run(self._server.serve(self._sockets))

    def stop(self) -> None:
        self._server.should_exit = True


class _Uvicorn(uvicorn.Server):
    on_start: Callable[[asyncio.AbstractEventLoop], None]

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the process of `serve` has its own

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_start(asyncio.get_running_loop())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=ENDING_SECONDS)
        for connection in list(self.server_state.connections):
            # To the application, the reader has gone.
            if connection.transport is not None:
                connection.transport.close()
        await super().shutdown(sockets)


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:  # IPv4 has a socket of its own
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind((address, port))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener
