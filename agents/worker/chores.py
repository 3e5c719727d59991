"""What a worker does again and again beside its runs, even if it fails at times."""

import asyncio
import contextvars
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from django import db
from django.core.exceptions import ObjectDoesNotExist

from tasks import pubsub
from tasks.exceptions import LeaseLost
from tasks.observability import log_context

log = logging.getLogger(__name__)

# Errors that pass by themselves. A row or a lease may be gone between two queries.
PASSING: tuple[type[Exception], ...] = (
    db.Error,
    *pubsub.FAILURES,
    ObjectDoesNotExist,
    LeaseLost,
)

Chore = Callable[[], Coroutine[Any, Any, None]]


class Chores:
    """The chores of one worker."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._failing: set[str] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in the background until `end()`."""
        # In a new context, for it outlives whatever started the worker.
        context = contextvars.Context()
        context.run(log_context.add, **log_context.current())
        loop = asyncio.get_running_loop()
        self._tasks.add(loop.create_task(work, context=context))

    def repeat(self, what: str, chore: Chore, *, every_seconds: float) -> None:
        """Do `chore` until `end()`, with `every_seconds` between; `what` names it in the log."""

        async def run_forever() -> None:
            while True:
                await self.try_once(what, chore)
                await asyncio.sleep(every_seconds)

        self.start(run_forever())

    async def try_once(self, what: str, chore: Chore) -> None:
        """Do a chore that will be done again; log its failures once until it succeeds."""
        try:
            await chore()
        except Exception as error:
            if what not in self._failing:
                is_passing = isinstance(error, PASSING)
                log.warning(
                    "Could not %s; trying again: %s",
                    what,
                    error,
                    exc_info=None if is_passing else error,
                    extra=log_context.make_extra(what),
                )
            self._failing.add(what)
        else:
            if what in self._failing:
                log.info("Could %s again.", what, extra=log_context.make_extra(what))
            self._failing.discard(what)

    async def end(self) -> None:
        """Cancel all chores, repeatedly: channel layers may swallow a cancellation."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            _, self._tasks = await asyncio.wait(self._tasks, timeout=0.2)
