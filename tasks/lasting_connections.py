"""Looks after the lasting threads' database connections once a second, not twice a call.

Django asks each of them before and after every request whether it is still good, which is
a tenth of a request's time on SQLite and a round trip on PostgreSQL.
"""

import threading
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.core import signals
from django.db import Error, close_old_connections, reset_queries

P = ParamSpec("P")
T = TypeVar("T")

SECONDS = 1

_looked = threading.local()


def take_over() -> None:
    """Have Django no longer do it: from now on, `look_after()` does."""
    signals.request_started.disconnect(reset_queries)
    signals.request_started.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_old_connections)


def look_after(*, has_failed: bool = False) -> None:
    """Close those of this thread that are too old or broken, if it is time to look.

    Right away where a request `has_failed`: it may have lost its connection.
    """
    now = time.monotonic()
    if has_failed or now - getattr(_looked, "at", 0) >= SECONDS:
        _looked.at = now
        reset_queries()
        close_old_connections()


def call(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `function` in a lasting thread."""
    look_after()
    try:
        return function(*args, **kwargs)
    except Error:
        look_after(has_failed=True)
        raise
