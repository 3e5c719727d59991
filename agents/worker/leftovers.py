"""Removes the workspaces and the long logs of tasks that were deleted."""

import asyncio
import logging
import os
import shutil
from contextlib import suppress
from pathlib import Path

from agents.worker.database import run_in_database
from agents.worker.log_fields import log_fields
from agents.workspaces.folders import folder_of
from tasks.models import Leftover, LogEntry

log = logging.getLogger(__name__)

BATCH = 20  # tasks at once; the next call is seconds away
# In one transaction, so that other writers wait for milliseconds only.
ENTRIES_AT_ONCE = 1_000


async def remove_due() -> None:
    """Remove what is due; what cannot be removed is due again in an hour."""
    for task_id in await run_in_database(Leftover.objects.take_due, BATCH):
        while await run_in_database(
            LogEntry.objects.remove_some, task_id, ENTRIES_AT_ONCE
        ):
            pass  # others may write between two calls
        folder = folder_of(task_id)
        if await asyncio.to_thread(_remove, folder):
            await run_in_database(Leftover.objects.filter(pk=task_id).delete)
        else:
            log.warning(
                "Could not remove %s; trying again in an hour.",
                folder,
                extra=log_fields("remove", task_id=task_id),
            )


def _remove(folder: Path) -> bool:
    """Remove a folder, but nothing that links in it lead to; return True if it is gone."""
    if folder.is_symlink():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        _make_writable(folder)
        shutil.rmtree(folder, ignore_errors=True)
    return not os.path.lexists(folder)


def _make_writable(folder: Path) -> None:
    """Make the folder's files removable: package caches make theirs read-only."""
    with suppress(OSError):  # a file of another user; then the rest stays too
        for _, _, _, handle in os.fwalk(folder):
            os.fchmod(handle, 0o700)
