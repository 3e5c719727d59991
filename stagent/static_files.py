"""Scripts, styles and fonts, compressed and named by what is in them, so that browsers keep them.

Nobody has to build anything: the first process that serves pages after a change writes the
files, and the others find them.
"""

import fcntl
import hashlib
import logging
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from whitenoise.storage import CompressedManifestStaticFilesStorage

log = logging.getLogger(__name__)


class Storage(CompressedManifestStaticFilesStorage):
    """Names a file as it is written where it has not been collected yet."""

    manifest_strict = False

    def stored_name(self, name: str) -> str:
        try:
            return str(super().stored_name(name))
        except ValueError:  # there is no such file among those
            return name


@cache
def collect() -> None:
    """Write the files anew if any has changed; once a process, one process at a time.

    Where that cannot be, pages are served all the same, with files as they are.
    """
    root = Path(settings.STATIC_ROOT or "")
    try:
        _collect(root)
    except OSError as error:
        log.warning("Scripts and styles are served uncompressed: %s", error)
    else:
        _read_manifest()


def _collect(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    mark = root.with_name(f"{root.name}.collected")
    with mark.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        wanted = _fingerprint()
        file.seek(0)
        if file.read() != wanted or not (root / "staticfiles.json").exists():
            call_command("collectstatic", interactive=False, verbosity=0)
            file.truncate(0)
            file.write(wanted)


def _fingerprint() -> str:
    """Return what changes when a file is added, removed or written."""
    found = [
        (path, (stat := Path(storage.path(path)).stat()).st_mtime_ns, stat.st_size)
        for finder in finders.get_finders()
        for path, storage in finder.list([])
    ]
    return hashlib.sha256(repr(sorted(found)).encode()).hexdigest()


def _read_manifest() -> None:
    """Read the names again: the storage may have been made before there were any."""
    storage: Any = staticfiles_storage
    storage.hashed_files, storage.manifest_hash = storage.load_manifest()
