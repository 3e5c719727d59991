"""The one way from the event loop to the database."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import close_old_connections

P = ParamSpec("P")
T = TypeVar("T")

# Few lasting threads, each with a lasting connection. SQLite has one writer at a time.
_is_sqlite = settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")
_work = ThreadPoolExecutor(1 if _is_sqlite else 4, thread_name_prefix="runs")
# Leases are renewed on a thread of their own, so that no amount of work delays them.
_leases = ThreadPoolExecutor(1, thread_name_prefix="leases")


async def in_database(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `function`, which holds whole transactions, in a database thread."""
    return await _hop(_work, partial(function, *args, **kwargs))


async def for_leases(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same, past all that waits in `in_database`."""
    return await _hop(_leases, partial(function, *args, **kwargs))


async def _hop(threads: ThreadPoolExecutor, function: Callable[[], T]) -> T:
    def call() -> T:
        close_old_connections()
        try:
            return function()
        finally:
            close_old_connections()

    # Shielded: a transaction that has begun is awaited or forgotten, never half seen.
    return await asyncio.shield(
        asyncio.get_running_loop().run_in_executor(threads, call)
    )
