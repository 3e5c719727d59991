"""Daphne in the process of `serve`, on the asyncio loop of Twisted's reactor."""

import asyncio
from collections.abc import Callable
from typing import Any

from daphne.server import Server as DaphneServer  # installs the reactor on asyncio

from twisted.internet import reactor  # isort: skip

from stagent.serving.http_servers import SERVER_NAME


class Server:
    """Daphne, without its signal handlers and its log of requests."""

    def __init__(self, application: Any, addresses: list[str], port: int) -> None:
        self._server = DaphneServer(
            application=application,
            endpoints=[_endpoint(address, port) for address in addresses],
            signal_handlers=False,
            server_name=SERVER_NAME,
        )

    def run(self, on_start: Callable[[asyncio.AbstractEventLoop], None]) -> None:
        loop: asyncio.AbstractEventLoop = reactor._asyncioEventloop

        def begin() -> None:
            # Twisted's access log goes nowhere, yet each of its lines takes 0.02 ms.
            self._server.http_factory.log = lambda request: None
            on_start(loop)

        self._server.ready_callable = begin
        try:
            self._server.run()
        finally:
            _close(loop)

    def stop(self) -> None:
        reactor.stop()  # type: ignore[misc]


def _endpoint(address: str, port: int) -> str:
    return f"tcp:port={port}:interface={address.replace(':', chr(92) + ':')}"


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Leave no task behind: CPython may crash when it collects one at exit."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.close()
