"""What keeps a process from starting, said in a sentence instead of a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, OperationalError


@contextmanager
def explain_failures() -> Iterator[None]:
    """End the process with what is wrong with its settings or its database.

    `--traceback` shows where it was met.
    """
    try:
        yield
    except (ImproperlyConfigured, DatabaseError, InterfaceError) as error:
        if "--traceback" in sys.argv or not _is_of_the_place(error):
            raise
        raise SystemExit(f"Error: {_sentence(error)}") from error


def _is_of_the_place(error: Exception) -> bool:
    """Tell what is wrong with the place we run at from an error of the code."""
    # SQLite says with the bare class that a file is no database.
    is_bare = type(error) is DatabaseError
    return is_bare or isinstance(
        error, ImproperlyConfigured | OperationalError | InterfaceError
    )


def _sentence(error: Exception) -> str:
    said = " ".join(str(error).split())
    if isinstance(error, ImproperlyConfigured):
        return said
    return (
        f"The database cannot be used: {said.rstrip('.?')}. DATABASE_URL says where it is;"
        " without it, it is a file in STAGENT_HOME."
    )
