"""What daphne's `send` leaves out: to wait for slow readers, and to hang up.

Twisted tells the producer of a response when more is unsent than it should be, and when
that has gone out. Daphne registers none, so all that is sent piles up in memory.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from daphne.http_protocol import WebRequest
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from stagent.server.asgi_types import Message, Send
from stagent.server.connections import Connections


@implementer(IPushProducer)
class _Flow:
    """Knows whether the connection takes more data."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self.wait = self._open.wait

    def pauseProducing(self) -> None:
        self._open.clear()

    def resumeProducing(self) -> None:
        self._open.set()

    def stopProducing(self) -> None:
        self._open.set()  # the connection is gone, and with it the reason to wait


class DaphneConnections(Connections):
    """The connections of daphne, told by its own objects behind `send`."""

    @contextmanager
    def pace(self, send: Send) -> Iterator[Send]:
        request = _find_request(send)
        if request is None:
            yield send
            return
        flow = _Flow()

        async def send_and_wait(message: Message) -> None:
            await send(message)
            await flow.wait()

        request.registerProducer(flow, True)
        try:
            yield send_and_wait
        finally:
            if request.channel is not None:
                request.unregisterProducer()

    def hang_up(self, send: Send) -> None:
        request = _find_request(send)
        if request is not None:
            request.loseConnection()


def _find_request(send: Send) -> WebRequest | None:
    """Return daphne's request, if `send` is daphne's and the connection is still open."""
    request = send.args[0] if isinstance(send, partial) and send.args else None
    if not isinstance(request, WebRequest):
        return None
    return request if getattr(request, "channel", None) is not None else None
