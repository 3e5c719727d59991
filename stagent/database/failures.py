"""Telling a database that is away or busy from a statement that is wrong."""

import sqlite3

from django.db import InterfaceError, OperationalError

# Held by another process, not there, not readable or writable just now, full.
_SQLITE_CODES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
}


def is_unavailable(error: BaseException | None) -> bool:
    """Tell whether the same statement may work later, when the database is back or free."""
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, OperationalError):
        return False
    if isinstance(error.__cause__, sqlite3.Error):
        # SQLite calls a missing table operational, too. The low byte is the kind.
        code = getattr(error.__cause__, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        return code & 0xFF in _SQLITE_CODES
    return True
