"""The one way from the event loop to the database."""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import ParamSpec, TypeVar

from django import db

from stagent.database import persistent_connections
from stagent.database.threads import Threads, database_threads

P = ParamSpec("P")
T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
SAID_AGAIN_SECONDS = 30.0

log = logging.getLogger(__name__)

# Few lasting threads, each with a lasting connection.
_work = database_threads(4, "runs")
# Leases are renewed on a thread of their own, so that no amount of work delays them.
_leases = Threads(1, "leases")


async def in_database(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `function`, which holds whole transactions, in a database thread."""
    return await _work.run(
        partial(persistent_connections.call, function, *args, **kwargs)
    )


async def for_leases(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same, past all that waits in `in_database`."""
    return await _leases.run(
        partial(persistent_connections.call, function, *args, **kwargs)
    )


async def until_written(
    function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """The same as `in_database`, tried again for as long as the database is away or broken.

    `function` must be such that it may be called again after a commit whose answer got lost.
    """
    for failures in count():
        try:
            return await in_database(function, *args, **kwargs)
        except db.Error as error:
            if not is_the_databases_fault(error):
                raise
            _say_that_it_fails(error)
        pause = min(FIRST_PAUSE_SECONDS * 2.0**failures, LONGEST_PAUSE_SECONDS)
        await asyncio.sleep(pause)
    raise AssertionError  # count() does not end


def is_the_databases_fault(error: db.Error) -> bool:
    """Tell an error that will pass from one that comes of the very values that are written.

    The database is away or locked, or its schema is not (yet) the one of this code; a newer
    schema also refuses rows without the columns that it has added.
    """
    if isinstance(error, db.IntegrityError):
        return "null" in str(error).lower()
    return not isinstance(error, db.DataError)


_said_at = float("-inf")


def _say_that_it_fails(error: db.Error) -> None:
    """Log it once for all runs, and again if it lasts."""
    global _said_at
    if time.monotonic() - _said_at >= SAID_AGAIN_SECONDS:
        _said_at = time.monotonic()
        reason = str(error).strip()
        log.warning(
            "The database fails; runs keep what they have and try again: %s", reason
        )
