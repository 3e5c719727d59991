"""The HTTP connections that all runs of a runtime share."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2

# Kept for longer than most tools run: a new connection costs a TLS handshake a turn.
KEEP_SECONDS = 60
# A client looks through all of its connections at each request and each end of one: with
# 200 that takes longer than the rest of a turn.
USERS_OF_A_CLIENT = 16
KEPT_CLIENTS = 64  # of a provider's SDK, each over one of these


class Connections:
    """HTTP clients for an event loop, as many as there are users for."""

    def __init__(self, make: Callable[..., httpx2.AsyncClient]) -> None:
        self._make = make
        self._users: Counter[httpx2.AsyncClient] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextmanager
    def client(self) -> Iterator[httpx2.AsyncClient]:
        """Lend the first client that has room. It is not to be closed: others use it too."""
        self._stay_on(asyncio.get_running_loop())
        client = self._with_room() or self._new()
        users = self._users  # others, once these clients are closed
        users[client] += 1
        try:
            yield client
        finally:
            users[client] -= 1

    async def close(self) -> None:
        clients, self._users = list(self._users), Counter()
        for client in clients:
            await client.aclose()

    def _stay_on(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not loop:
            self._loop, self._users = loop, Counter()
            self._tls = httpx2.create_ssl_context()  # takes 0.02 s, so once for all

    def _with_room(self) -> httpx2.AsyncClient | None:
        return next((c for c, n in self._users.items() if n < USERS_OF_A_CLIENT), None)

    def _new(self) -> httpx2.AsyncClient:
        # No limit here: the worker bounds its runs, and to wait for a connection would
        # look like a slow provider.
        limits = httpx2.Limits(
            max_connections=None,
            max_keepalive_connections=USERS_OF_A_CLIENT,
            keepalive_expiry=KEEP_SECONDS,
        )
        return self._make(limits=limits, verify=self._tls)
