"""Waiting for a condition, and never for a time: it costs nothing once the condition holds.

The time-outs are for a test that hangs, long enough for a machine under load.
"""

import asyncio
import inspect
import time

SECONDS = 100
STEP_SECONDS = 0.01


def wait_for(condition, *, seconds: float = SECONDS):
    """Wait until `condition()` is true, and return what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(STEP_SECONDS)
    return found


async def until(condition, *, seconds: float = SECONDS):
    """Wait until `condition()`, or what it awaits, is true; return what it gave."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(STEP_SECONDS)
