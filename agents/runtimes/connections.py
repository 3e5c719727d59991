"""The HTTP connections that all runs of a runtime share."""

import asyncio
from collections.abc import Callable

import httpx2

# Kept for longer than most tools run: a new connection costs a TLS handshake a turn.
KEEP_SECONDS = 60


class Connections:
    """One HTTP client for an event loop, made when it is first asked for."""

    def __init__(self, make: Callable[..., httpx2.AsyncClient]) -> None:
        self._make = make
        self._client: httpx2.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def client(self) -> httpx2.AsyncClient:
        """Return the client. It is not to be closed by who uses it: others do too."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            # No limit here: the worker bounds its runs, and to wait for a connection would
            # look like a slow provider.
            limits = httpx2.Limits(
                max_connections=None,
                max_keepalive_connections=200,
                keepalive_expiry=KEEP_SECONDS,
            )
            self._client, self._loop = self._make(limits=limits), loop
        return self._client

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None
