"""Background loops: whatever happens in one, it goes on and says what it was."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from stagent.database.failures import is_unavailable
from tasks import pubsub

log = logging.getLogger(__name__)

QUIET_SECONDS = 10


async def repeat(
    what: str, chore: Callable[[], Awaitable[None]], *, seconds: float
) -> None:
    """Do `chore` again and again until cancelled, `seconds` after it ended or failed."""
    # redis-py may swallow a cancel: so whether one came is asked for, too.
    while not is_cancelled():
        await do_chore(what, chore)
        await asyncio.sleep(seconds)


async def do_chore(what: str, chore: Callable[[], Awaitable[None]]) -> None:
    """Do a chore that will be done again: that it failed is logged, no more."""
    try:
        await chore()
    except Exception as error:  # noqa: BLE001  a loop that ends is not begun again
        log_failure(what, error)


def log_failure(what: str, error: Exception) -> None:
    """Log that something failed that is tried again.

    With a traceback if that tells more than the error; what only has to be waited for is
    said once in a while, though hundreds may wait for it.
    """
    text = f"Could not {what}; trying again: {type(error).__name__}: {error}"
    if not (is_unavailable(error) or isinstance(error, pubsub.FAILURES)):
        log.error(text, exc_info=error)
    elif is_due(what):
        log.warning(text)


_said_at: dict[str, float] = {}


def is_due(what: str) -> bool:
    """Tell whether `what` was not said for a while, and take it for said."""
    now = time.monotonic()
    if now - _said_at.get(what, float("-inf")) < QUIET_SECONDS:
        return False
    _said_at[what] = now
    return True


def is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
