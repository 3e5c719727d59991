"""Looks after the lasting threads' database connections once a second, not twice a call.

Django asks each of them before and after every request whether it is still good, which is
a tenth of a request's time on SQLite and a round trip on PostgreSQL.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.core import signals
from django.db import (
    Error,
    OperationalError,
    close_old_connections,
    connection,
    reset_queries,
)

P = ParamSpec("P")
T = TypeVar("T")

SECONDS = 1
# SQLite plans by statistics that it renews only when told to, best after some queries.
FIRST_OPTIMIZE_SECONDS, OPTIMIZE_SECONDS = 60, 3_600
# Rows of an index that it looks at, so that a big table costs no more than a small one.
ANALYSIS_LIMIT = 400

# Of a big table it guesses the rows anew for each index, up to nine times as many for one
# as for another, and then sorts a million rows rather than read the index that is in order.
_WHOLE = """(SELECT tbl, idx, CAST(stat AS INTEGER) AS n FROM sqlite_stat1 WHERE idx NOT IN
    (SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'))"""
_LEAST = f"(SELECT min(n) FROM {_WHOLE} AS own WHERE own.tbl = sqlite_stat1.tbl)"  # noqa: S608
_LEVEL = (
    f"UPDATE sqlite_stat1 SET stat = {_LEAST} || substr(stat, instr(stat, ' '))"  # noqa: S608
    f" WHERE idx IN (SELECT idx FROM {_WHOLE}) AND CAST(stat AS INTEGER) > {_LEAST}"
)

log = logging.getLogger(__name__)
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
        if connection.vendor == "sqlite":
            _optimize_when_due(now)


def _optimize_when_due(now: float) -> None:
    """Run `PRAGMA optimize`, as sqlite.org/lang_analyze.html advises for long connections."""
    due = getattr(_looked, "optimize_at", None)
    if due is None:
        _looked.optimize_at = now + FIRST_OPTIMIZE_SECONDS
    elif now >= due:
        _looked.optimize_at = now + OPTIMIZE_SECONDS
        try:
            optimize()
        except OperationalError as error:  # somebody writes: the next hour will do
            log.info("SQLite's statistics are not renewed: %s", error)


def optimize() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA analysis_limit = {ANALYSIS_LIMIT}")
        cursor.execute("PRAGMA optimize")
        cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'")
        if cursor.fetchone():
            cursor.execute(_LEVEL)
            cursor.execute("ANALYZE sqlite_schema")  # read them anew


def call(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `function` in a lasting thread."""
    look_after()
    try:
        return function(*args, **kwargs)
    except Error:
        look_after(has_failed=True)
        raise
