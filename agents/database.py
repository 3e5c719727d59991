"""The one way from the event loop to the database."""

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from tasks import lasting_connections
from tasks.hop import Threads, database_threads

P = ParamSpec("P")
T = TypeVar("T")

# Few lasting threads, each with a lasting connection.
_work = database_threads(4, "runs")
# Leases are renewed on a thread of their own, so that no amount of work delays them.
_leases = Threads(1, "leases")


async def in_database(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `function`, which holds whole transactions, in a database thread."""
    return await _work.run(partial(lasting_connections.call, function, *args, **kwargs))


async def for_leases(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same, past all that waits in `in_database`."""
    return await _leases.run(
        partial(lasting_connections.call, function, *args, **kwargs)
    )
