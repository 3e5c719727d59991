"""The HTTP connections that all runs of a runtime share."""

import asyncio
from collections.abc import Callable

import httpx2
from django.conf import settings

# Kept for longer than most tools run: a new connection costs a TLS handshake a turn.
KEEP_SECONDS = 60
CONNECT_SECONDS = 10.0
UNLIMITED = 1_000_000  # without a number, aiohttp opens a hundred at most
# Of a provider's SDK: one, and those of an environment that has changed.
KEPT_CLIENTS = 4


def get_read_seconds() -> float:
    """Return how long a socket may be silent: longer than `agents.worker.silence` waits for content."""
    return float(settings.STAGENT_PROVIDER_TIMEOUT_SECONDS) + 60.0


def make_timeout(read_seconds: float) -> httpx2.Timeout:
    return httpx2.Timeout(read_seconds, connect=CONNECT_SECONDS)


class Connections:
    """One HTTP client for an event loop.

    Of what an SDK brings, `make` is best the one over aiohttp: it reads an answer in half
    the time of the default, whose pool besides looks through all of its connections at
    each request.
    """

    def __init__(self, make: Callable[..., httpx2.AsyncClient]) -> None:
        self._make = make
        self._client: httpx2.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def get_client(self) -> httpx2.AsyncClient:
        """Return the client. It is not to be closed: other runs use it too."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            # No limit here: the worker bounds its runs, and to wait for a connection
            # would look like a slow provider.
            limits = httpx2.Limits(
                max_connections=UNLIMITED, keepalive_expiry=KEEP_SECONDS
            )
            self._loop, self._client = loop, self._make(limits=limits)
        return self._client

    async def close(self) -> None:
        client, self._client = self._client, None
        if client:
            await client.aclose()
