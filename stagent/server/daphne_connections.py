"""What daphne's `send` leaves out: to wait for a reader that is slow, and to hang up.

Twisted tells the producer of a response when more is unsent than it should be, and when
that has gone out. Daphne registers none, so all that is sent piles up in memory. Other
servers do both by themselves.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from daphne.http_protocol import WebRequest
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


@implementer(IPushProducer)
class _Flow:
    """Whether the connection takes more."""

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


@contextmanager
def paced(send: Send) -> Iterator[Send]:
    """Give a `send` that returns when the reader has taken most of what was sent.

    To be left before the last message: daphne lets go of the connection with that one.
    """
    request = _request_of(send)
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


def hang_up(send: Send) -> None:
    """Close the connection of a response that was begun and cannot be finished.

    Other servers do so when the application returns without having finished it.
    """
    request = _request_of(send)
    if request is not None:
        request.loseConnection()


def _request_of(send: Send) -> WebRequest | None:
    """Return daphne's request, if it is daphne's `send` and the connection is still there."""
    request = send.args[0] if isinstance(send, partial) and send.args else None
    if not isinstance(request, WebRequest):
        return None
    return request if getattr(request, "channel", None) is not None else None
