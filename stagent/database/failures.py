"""Telling a database that is away or busy from a statement that is wrong."""

import errno
import sqlite3

from django.db import InterfaceError, InternalError, OperationalError

# Held by another process, not there, not readable or writable just now, full.
_SQLITE_CODES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
}


_POSTGRESQL_READ_ONLY, _POSTGRESQL_FULL = "25006", "53100"


def is_read_only(error: BaseException) -> bool:
    """Tell whether the database takes no changes: a standby, or a file that nobody may write."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return _get_kind(cause) == sqlite3.SQLITE_READONLY
    return getattr(cause, "sqlstate", None) == _POSTGRESQL_READ_ONLY


def is_full(error: BaseException) -> bool:
    """Tell whether the disk is full: the database's, or that of our own files."""
    if isinstance(error, OSError):
        return error.errno in {errno.ENOSPC, errno.EDQUOT}
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return _get_kind(cause) == sqlite3.SQLITE_FULL
    return getattr(cause, "sqlstate", None) == _POSTGRESQL_FULL


def is_unavailable(error: BaseException | None) -> bool:
    """Tell whether the same statement may work later, when the database is back or free."""
    if isinstance(error, InterfaceError):
        return True
    if isinstance(error, OperationalError | InternalError) and is_read_only(error):
        return True
    if not isinstance(error, OperationalError):
        return False
    if isinstance(error.__cause__, sqlite3.Error):
        # SQLite calls a missing table operational, too.
        return _get_kind(error.__cause__) in _SQLITE_CODES
    return True


def _get_kind(error: sqlite3.Error) -> int:
    """Return the low byte of the code, which is the kind."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
