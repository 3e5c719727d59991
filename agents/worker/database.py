"""The worker's way from its event loop to the database."""

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
from tasks.observability import log_context

P = ParamSpec("P")
T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
LOG_AGAIN_SECONDS = 30.0

log = logging.getLogger(__name__)

# Few threads, each with a connection that it keeps.
_work = database_threads(4, "runs")
# Leases are renewed in a thread of their own, so that no amount of work delays them.
_leases = Threads(1, "leases")


async def run_in_database(
    function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run `function`, which holds whole transactions, in a database thread."""
    return await _work.run(
        log_context.carry_context(
            partial(persistent_connections.call, function, *args, **kwargs)
        )
    )


async def run_for_leases(
    function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do the same as `run_in_database`, without waiting for what is queued there."""
    return await _leases.run(
        partial(persistent_connections.call, function, *args, **kwargs)
    )


async def retry_until_written(
    function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do the same as `run_in_database`, and retry for as long as the database is away.

    `function` may be called again after a commit whose confirmation got lost, and must then
    change nothing.
    """
    for failures in count():
        try:
            return await run_in_database(function, *args, **kwargs)
        except db.Error as error:
            if not is_passing(error):
                raise
            _log_failure(error)
        pause = min(FIRST_PAUSE_SECONDS * 2.0**failures, LONGEST_PAUSE_SECONDS)
        await asyncio.sleep(pause)
    raise AssertionError  # count() does not end


def is_passing(error: db.Error) -> bool:
    """Tell whether a retry may succeed: the error is not one of the values that are written.

    The database may be away or locked, or may not have this code's schema yet. A newer schema
    refuses rows without the columns that it has added, which is an IntegrityError.
    """
    if isinstance(error, db.IntegrityError):
        return "null" in str(error).lower()
    return not isinstance(error, db.DataError)


_logged_at = float("-inf")


def _log_failure(error: db.Error) -> None:
    """Log it once for all runs, and again every LOG_AGAIN_SECONDS while it lasts."""
    global _logged_at
    if time.monotonic() - _logged_at >= LOG_AGAIN_SECONDS:
        _logged_at = time.monotonic()
        reason = str(error).strip()
        log.warning(
            "The database fails; runs keep what they have and try again: %s",
            reason,
            extra=log_context.make_extra("retry"),
        )
