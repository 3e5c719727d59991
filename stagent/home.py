"""Keeps `STAGENT_HOME` to the server's own user, also where it was made before that was so."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

READ_OR_WRITE_BY_OTHERS = 0o066


def make_private(home: Path) -> None:
    """Make the folder, if need be, and let nobody else look into it.

    Others may go on passing through, if they could do no more: as root the server starts
    agents as users of their own. Raises ImproperlyConfigured where it can be no home.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_usable = os.access(home, os.R_OK | os.W_OK | os.X_OK)
        if is_usable:
            _mend(home, 0o700)
    except FileExistsError:
        raise _unusable(home, "a file stands in its place") from None
    except OSError as error:
        raise _unusable(home, f"{error.strerror} ({error.filename})") from error
    if not is_usable:
        raise _unusable(home, "this user may not write there, or it is read-only")


def _unusable(home: Path, reason: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"STAGENT_HOME is {home}, which cannot be used: {reason}. Set STAGENT_HOME to a"
        " folder that this user may write."
    )


def make_database_private(file: Path) -> None:
    """Make an SQLite database, if need be, that nobody else reads or writes."""
    if not file.exists():
        with suppress(OSError):  # why it cannot be made is said when it is opened
            file.touch(mode=0o600)
    for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
        _mend(file.with_name(name), 0o600)


def _mend(path: Path, mode: int) -> None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    is_ours = found.st_uid == os.geteuid()
    if is_ours and stat.S_IMODE(found.st_mode) & READ_OR_WRITE_BY_OTHERS:
        path.chmod(mode)
