"""Responses that wait for something before they are sent, and hold no thread meanwhile.

A view says so by what it leaves at its response:

    response.wait       a coroutine function: returns when there is something to say
    response.settle     called in a thread then; writes it into the response
    response.abandon    called in a thread instead, when the client is gone
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.http import HttpResponseBase

from stagent.database import persistent_connections
from stagent.database.threads import Threads
from stagent.server.asgi_types import Receive
from stagent.server.streaming import wait_until_disconnected


async def wait_for(
    response: HttpResponseBase, receive: Receive, threads: Threads
) -> bool:
    """Wait for what the response waits for; tell whether there is still a client to send it to."""
    abandon = getattr(response, "abandon", None)
    if not await _wait(response, receive if abandon else None):
        await _call(threads, abandon)
        return False
    if settle := getattr(response, "settle", None):
        await _call(threads, settle)
        response["Content-Length"] = str(len(response.content))  # type: ignore[attr-defined]
    return True


async def _wait(response: Any, receive: Receive | None) -> bool:
    if receive is None:
        await response.wait()
        return True
    waiting: asyncio.Future[None] = asyncio.ensure_future(response.wait())
    gone = asyncio.ensure_future(wait_until_disconnected(receive))
    try:
        await asyncio.wait([waiting, gone], return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            waiting.result()
        return waiting.done()
    finally:
        for task in (waiting, gone):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _call(threads: Threads, function: Callable[[], None] | None) -> None:
    if function:
        await threads.run(persistent_connections.call, function)
