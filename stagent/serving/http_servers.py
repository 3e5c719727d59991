"""The HTTP servers that `serve` can run, loaded when one is chosen."""

import asyncio
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from django.core.management.base import CommandError

DEFAULT = "daphne"
NAMES = (DEFAULT, "uvicorn")
SERVER_NAME = "stagent"


class HTTPServer(Protocol):
    """Serves an ASGI application on the event loop that the worker shares."""

    def __init__(self, application: Any, addresses: list[str], port: int) -> None: ...

    def run(self, on_start: Callable[[asyncio.AbstractEventLoop], None]) -> None:
        """Serve until `stop()`; call `on_start` with the loop once it listens."""

    def stop(self) -> None:
        """Close what listens and what is connected; `run` returns."""


def load(name: str) -> type[HTTPServer]:
    """Return the server of that name, or say how to install it.

    Daphne's comes before the application: it chooses the event loop, and the application
    adapts it.
    """
    try:
        module = import_module(f"stagent.serving.{name}_server")
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise CommandError(
            f"{name} is not installed. Install it with: pip install '.[fast]'"
        ) from error
    server: type[HTTPServer] = module.Server
    return server
