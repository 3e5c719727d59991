"""Waiting for a condition, and never for a time: it costs nothing once the condition holds.

The time-outs are for a test that hangs, long enough for a machine under load.
"""

import asyncio
import inspect
import time
from collections.abc import Iterator

SECONDS = 200
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.005, 0.1


def wait_for(condition, *, seconds: float = SECONDS):
    """Wait until `condition()` is true, and return what it gave."""
    deadline = time.monotonic() + seconds
    for pause in _pauses():
        if found := condition():
            return found
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(pause)


async def until(condition, *, seconds: float = SECONDS):
    """Wait until `condition()`, or what it awaits, is true; return what it gave."""
    async with asyncio.timeout(seconds):
        for pause in _pauses():
            found = condition()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(pause)


def _pauses() -> Iterator[float]:
    """Yield longer and longer pauses: what is asked may cost a query or a request."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        yield pause
        pause = min(pause * 1.3, LONGEST_PAUSE_SECONDS)
