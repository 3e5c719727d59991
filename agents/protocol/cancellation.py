"""Work that a cancelled run does not leave half done."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

# Longer than any file work takes; a dead network disk must not hold up a cancellation.
MAX_WAIT_SECONDS = 5

P = ParamSpec("P")
T = TypeVar("T")


async def run_in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `work` in a thread; a cancellation takes effect once it has returned."""
    return await run_to_end(asyncio.to_thread(work, *args, **kwargs))


async def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """Await `work`; when cancelled, once or again, let it end before that takes effect."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task], timeout=MAX_WAIT_SECONDS if cancelled else None)
        except asyncio.CancelledError as error:
            cancelled = error
            continue
        break
    if cancelled is None:
        return task.result()
    if task.done():
        task.exception()  # else asyncio logs that it was never retrieved
    raise cancelled
