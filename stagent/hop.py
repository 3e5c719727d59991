"""The hop from the event loop into the threads that do the sync work, and back.

Each crossing wakes a thread that then wants the interpreter's lock, and two threads that
are awake at once take it from each other at each query. So calls that come in one turn of
the loop cross together, and where a single thread does it all, the loop stands still for
a moment until they are done. That spares a third of a request's CPU time.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

# How long the loop stands still for its thread. The interpreter lets any thread keep its
# lock as long (`sys.getswitchinterval()`), so nothing waits longer than it may anyway.
STANDSTILL_SECONDS = 0.005
# When a thread takes no more calls: so it is mostly done in a standstill, and a slow call
# is the last one that it took.
SHARE_SECONDS = 0.003


class _Call(NamedTuple):
    function: Callable[[], Any]
    future: "asyncio.Future[Any]"


class _Result(NamedTuple):
    future: "asyncio.Future[Any]"
    value: Any
    error: BaseException | None


class Threads:
    """A few lasting threads, for one event loop."""

    def __init__(self, count: int) -> None:
        self._executor = ThreadPoolExecutor(count, thread_name_prefix="web")
        self._idle = count
        self._stands_still = count == 1
        self._calls: deque[_Call] = deque()
        self._results: deque[_Result] = deque()
        self._is_due = False  # calls will be handed over at the end of this turn

    def run(
        self, function: Callable[..., Any], *arguments: Any
    ) -> "asyncio.Future[Any]":
        """Call `function` in a thread. Who stops waiting does not stop it."""
        loop = asyncio.get_running_loop()
        call = _Call(partial(function, *arguments), loop.create_future())
        self._calls.append(call)
        self._look_soon(loop)
        return call.future

    def _look_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._is_due:
            self._is_due = True
            loop.call_soon(self._hand_over, loop)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_due = False
        for _ in range(min(self._idle, len(self._calls))):
            self._idle -= 1
            working = self._executor.submit(self._work)
            if self._stands_still:
                with suppress(TimeoutError):
                    working.result(STANDSTILL_SECONDS)
            if working.done():
                self._freed(loop)
            else:
                working.add_done_callback(partial(self._tell_freed, loop))
                # What was done before a slow call is not to wait for it.
                loop.call_later(SHARE_SECONDS, self._settle)

    def _work(self) -> None:
        until = time.monotonic() + SHARE_SECONDS
        with suppress(IndexError):  # none is left, or another thread took it
            while time.monotonic() < until:
                self._results.append(_result(self._calls.popleft()))

    def _tell_freed(
        self, loop: asyncio.AbstractEventLoop, working: "Future[None]"
    ) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._freed, loop)

    def _freed(self, loop: asyncio.AbstractEventLoop) -> None:
        self._idle += 1
        self._settle()
        if self._calls:
            self._look_soon(loop)

    def _settle(self) -> None:
        while self._results:
            future, value, error = self._results.popleft()
            if future.cancelled():
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(value)


def _result(call: _Call) -> _Result:
    try:
        return _Result(call.future, call.function(), None)
    except BaseException as error:  # noqa: BLE001  for who waits, as in any executor
        return _Result(call.future, None, error)
