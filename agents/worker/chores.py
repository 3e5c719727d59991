"""What a worker does again and again beside its runs, whatever fails meanwhile."""

import asyncio
import contextvars
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import redis
from django import db
from django.core.exceptions import ObjectDoesNotExist

from tasks.exceptions import LeaseLost

log = logging.getLogger(__name__)

# A row that went or a lease that was taken between two looks is no failure either.
PASSING = (db.Error, OSError, redis.RedisError, ObjectDoesNotExist, LeaseLost)

Chore = Callable[[], Coroutine[Any, Any, None]]


class Chores:
    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._failing: set[str] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Let `work` go on until `end()`."""
        # A context of its own: it outlives whatever started the worker.
        loop = asyncio.get_running_loop()
        self._tasks.add(loop.create_task(work, context=contextvars.Context()))

    def repeat(self, what: str, chore: Chore, *, every_seconds: float) -> None:
        async def repeated() -> None:
            while True:
                await self.forgiving(what, chore)
                await asyncio.sleep(every_seconds)

        self.start(repeated())

    async def forgiving(self, what: str, chore: Chore) -> None:
        """Do a chore that will be done again: that it failed is logged once, no more."""
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
                )
            self._failing.add(what)
        else:
            if what in self._failing:
                log.info("Could %s again.", what)
            self._failing.discard(what)

    async def end(self) -> None:
        """Cancel until all are gone: channel layers may swallow a cancel."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            _, self._tasks = await asyncio.wait(self._tasks, timeout=0.2)
