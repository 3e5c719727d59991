"""Lets daphne give a request to the application at its head, and then its body as it comes.

By itself daphne stores the whole body first, however long, whoever sends it; and Twisted reads
every form for it, on the event loop. Here the application decides what it reads: what is not
yet read stays with the client, and what is refused is thrown away.
"""

import asyncio
from functools import partial
from typing import Any

from daphne import http_protocol
from daphne.http_protocol import WebRequest

# What may wait for the application before the client is made to wait.
MAX_WAITING_BYTES = 2**18
# How long a refused client may go on sending: who closes at once on unread data takes the
# answer back, for the client's system then throws it away.
LINGER_SECONDS = 30


class StreamedRequest(WebRequest):  # type: ignore[misc]
    """A request whose application starts when its head is there."""

    _has_body = False
    _is_complete = True
    _left: int | None = None  # bytes of the body to come, where that is known
    _inbox: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, parsePOSTFormSubmission=False, **kwargs)

    # --- What Twisted tells, in this order -------------------------------------------------

    def gotLength(self, length: int | None) -> None:
        super().gotLength(0)
        if length == 0:
            return
        self._has_body, self._is_complete, self._left = True, False, length
        # A socket has no body: what daphne would hand over is what it had stored.
        self.requestHeaders.removeHeader(b"upgrade")
        channel = self.channel
        super().requestReceived(channel._command, channel._path, channel._version)

    def handleContentChunk(self, data: bytes) -> None:
        if self._left is not None:
            self._left -= len(data)
        self._pass_on(data, is_last=self._left == 0)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        if not self._has_body:
            super().requestReceived(command, path, version)
        elif not self._is_complete:
            self._pass_on(b"", is_last=True)

    def _pass_on(self, data: bytes, *, is_last: bool) -> None:
        self._is_complete = is_last
        if self._inbox is not None:
            self._inbox.put_body(data, more_body=not is_last)

    # --- What daphne does --------------------------------------------------------------------

    @property
    def application_queue(self) -> Any:
        return self._inbox

    @application_queue.setter
    def application_queue(self, queue: Any) -> None:
        is_body = self._has_body and queue is not None
        self._inbox = Inbox(queue, self.channel) if is_body else queue

    def handle_reply(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start" and not self._is_complete:
            self.channel.persistent = False
            headers = [*message.get("headers", ()), (b"Connection", b"close")]
            message = {**message, "headers": headers}
        super().handle_reply(message)

    def finish(self) -> None:
        if not self._is_complete:
            self.requestHeaders.removeHeader(b"expect")
            _discard_the_rest(self.channel)
        super().finish()


class Inbox:
    """The application's queue; while it is full the client is not read from."""

    def __init__(self, queue: "asyncio.Queue[dict[str, Any]]", channel: Any) -> None:
        self._queue = queue
        self._transport = channel._networkProducer
        self._waiting = 0
        self._is_paused = False
        # The hook that `asyncio.Queue` has for subclasses; daphne makes the queue itself.
        queue._get = partial(self._take, queue._get)  # type: ignore[method-assign]

    def put_nowait(self, message: dict[str, Any]) -> None:
        """Take daphne's messages, but for the body, which it believes is read."""
        if message["type"] != "http.request":
            self._queue.put_nowait(message)

    def put_body(self, body: bytes, *, more_body: bool) -> None:
        self._waiting += len(body)
        if self._waiting > MAX_WAITING_BYTES and not self._is_paused:
            self._is_paused = True
            self._transport.pauseProducing()
        message = {"type": "http.request", "body": body, "more_body": more_body}
        self._queue.put_nowait(message)

    def _take(self, get: Any) -> dict[str, Any]:
        message: dict[str, Any] = get()
        self._waiting -= len(message.get("body", b""))
        if self._is_paused and self._waiting <= MAX_WAITING_BYTES:
            self._is_paused = False
            self._transport.resumeProducing()
        return message


def _discard_the_rest(channel: Any) -> None:
    """Throw away what the client still sends, and close when it has heard the answer."""
    channel.persistent = False
    channel.setTimeout(None)
    channel.dataReceived = channel.rawDataReceived = lambda data: None
    channel.loseConnection = partial(_close_slowly, channel)


def _close_slowly(channel: Any) -> None:
    channel._networkProducer.unregisterProducer()
    channel.transport.loseWriteConnection()
    # Twisted calls this off when the client closes.
    channel._abortingCall = channel.callLater(LINGER_SECONDS, channel.forceAbortClient)


def stream_bodies() -> None:
    http_protocol.WebRequest = StreamedRequest
