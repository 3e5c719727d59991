"""Streaming responses: as fast as their reader reads, and with an end whatever happens.

While the reader takes nothing, neither a thread nor a database connection is held for it,
and no more is in memory than what the server could not yet send.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import nullcontext, suppress
from typing import Any

from django.http import StreamingHttpResponse

from stagent.database import persistent_connections
from stagent.database.failures import is_unavailable
from stagent.database.threads import Threads
from stagent.server import connections
from stagent.server.asgi_types import Receive, Send
from stagent.server.request_metrics import stream_client

log = logging.getLogger(__name__)

# What a synchronous response yields is made in these. Not in the web's own threads: a
# piece of a long list may take a while.
_threads = Threads(2, "stream")


async def send_body(
    response: StreamingHttpResponse, receive: Receive, send: Send
) -> None:
    """Send what `response` yields. If that fails half-way, hang up.

    So nobody takes a part for the whole, or waits for what will not come.
    """
    is_stream = response.headers.get("Content-Type", "").startswith("text/event-stream")
    chunks = aiter(response) if response.is_async else _iterate_in_threads(response)
    try:
        with (
            connections.get().pace(send) as send_paced,
            stream_client() if is_stream else nullcontext(),
        ):
            must_end = await _until_disconnect(
                _send(chunks, send_paced), receive, _until_shut_out(response)
            )
    except Exception as error:
        log.error(
            "A response broke off: %s",
            error,
            exc_info=None if is_unavailable(error) else error,
        )
        connections.get().hang_up(send)
        return
    if must_end:
        await send({"type": "http.response.body", "body": b""})


async def _send(chunks: AsyncIterator[bytes], send: Send) -> None:
    async for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _iterate_in_threads(response: StreamingHttpResponse) -> AsyncIterator[bytes]:
    chunks: Iterator[bytes] = iter(response)
    reading: asyncio.Future[bytes | None] | None = None
    try:
        while True:
            reading = _threads.run(persistent_connections.call, next, chunks, None)
            if (chunk := await asyncio.shield(reading)) is None:
                return
            yield chunk
    finally:
        if reading is not None:  # it may go on in its thread when nobody waits any more
            await asyncio.wait([reading])
        await _threads.run(response.close)


async def _until_disconnect(
    sending: Coroutine[Any, Any, None],
    receive: Receive,
    shut_out: Coroutine[Any, Any, None] | None,
) -> bool:
    """Send until all is sent, the reader is shut out or gone; tell whether it is still there."""
    disconnected = asyncio.ensure_future(wait_until_disconnected(receive))
    tasks = [asyncio.ensure_future(sending), disconnected]
    if shut_out is not None:
        tasks.append(asyncio.ensure_future(shut_out))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
    return done != {disconnected}


def _until_shut_out(
    response: StreamingHttpResponse,
) -> Coroutine[Any, Any, None] | None:
    """Return what a view may say ends its stream: who reads it is no longer let in."""
    until: Callable[[], Coroutine[Any, Any, None]] | None
    until = getattr(response, "wait_until_shut_out", None)
    return until() if until else None


async def wait_until_disconnected(receive: Receive) -> None:
    """Wait until the client is gone. Its body is read by then."""
    while (await receive())["type"] != "http.disconnect":
        pass
