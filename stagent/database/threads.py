"""From the event loop into the threads that do the sync work, and back.

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
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from django.conf import settings

T = TypeVar("T")

# How long the loop stands still for its thread. The interpreter lets any thread keep its
# lock as long (`sys.getswitchinterval()`), so nothing waits longer than it may anyway.
BLOCK_LOOP_SECONDS = 0.005
# When a thread takes no more calls: so it is mostly done while the loop is
# blocked, and a slow call is the last one that it took.
SHARE_SECONDS = 0.003


class _Call(NamedTuple):
    function: Callable[[], Any]
    future: "asyncio.Future[Any]"


class _Result(NamedTuple):
    future: "asyncio.Future[Any]"
    value: Any
    error: BaseException | None


class Threads:
    """A few lasting threads. Where there is one, who hands it work may stand still for it."""

    def __init__(self, count: int, name: str, *, blocks_loop: bool = False) -> None:
        self._count = count
        self._executor = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._block_loop_seconds = BLOCK_LOOP_SECONDS if blocks_loop else 0
        self._crossings: WeakKeyDictionary[asyncio.AbstractEventLoop, _Crossing] = (
            WeakKeyDictionary()
        )

    def run(self, function: Callable[..., T], *arguments: Any) -> "asyncio.Future[T]":
        """Call `function` in a thread. Who stops waiting does not stop it."""
        loop = asyncio.get_running_loop()
        crossing = self._crossings.get(loop)
        if crossing is None:
            crossing = _Crossing(self._executor, self._count, self._block_loop_seconds)
            self._crossings[loop] = crossing
        return crossing.send(partial(function, *arguments), loop)


def database_threads(count: int, name: str) -> Threads:
    """Return threads for work on the database: one to stand still for where it has one writer."""
    return (
        Threads(1, name, blocks_loop=True)
        if _has_one_writer()
        else Threads(count, name)
    )


def web_threads(count: int) -> tuple[Threads, Threads]:
    """Return the threads for requests that read, and for those that write.

    Requests that wait for another process's write are not to keep those waiting that only read.
    """
    return database_threads(count, "web"), database_threads(count, "web-writer")


def _has_one_writer() -> bool:
    return bool(settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"))


class _Crossing:
    """Between one event loop and the threads."""

    def __init__(
        self, executor: ThreadPoolExecutor, count: int, block_loop_seconds: float
    ) -> None:
        self._executor = executor
        self._idle = count
        self._block_loop_seconds = block_loop_seconds
        self._calls: deque[_Call] = deque()
        self._results: deque[_Result] = deque()
        self._is_due = False  # calls will be handed over at the end of this turn

    def send(
        self, function: Callable[[], Any], loop: asyncio.AbstractEventLoop
    ) -> "asyncio.Future[Any]":
        call = _Call(function, loop.create_future())
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
            if self._block_loop_seconds:
                with suppress(TimeoutError):
                    working.result(self._block_loop_seconds)
            if working.done():
                self._take_back(loop)
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
            loop.call_soon_threadsafe(self._take_back, loop)

    def _take_back(self, loop: asyncio.AbstractEventLoop) -> None:
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
