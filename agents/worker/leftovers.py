"""Removes the workspaces and the long logs of tasks that were deleted."""

import asyncio
import logging
import os
import shutil
from contextlib import suppress
from pathlib import Path

from agents.worker.database import in_database
from agents.workspaces.folders import folder_of
from tasks.models import Leftover, LogEntry

log = logging.getLogger(__name__)

BATCH = 20  # at a look, which is bounded: the next one is seconds away
# In a transaction, so that whoever else writes waits for milliseconds.
ENTRIES_AT_ONCE = 1_000


async def remove_due() -> None:
    """Remove what is due; what cannot be removed stays due, an hour later."""
    for task_id in await in_database(Leftover.objects.take_due, BATCH):
        while await in_database(LogEntry.objects.remove_some, task_id, ENTRIES_AT_ONCE):
            pass  # until none is left, with room for others in between
        folder = folder_of(task_id)
        if await asyncio.to_thread(_remove, folder):
            await in_database(Leftover.objects.filter(pk=task_id).delete)
        else:
            log.warning("Could not remove %s; trying again in an hour.", folder)


def _remove(folder: Path) -> bool:
    """Remove a folder and never what links in it lead to; True if nothing is left."""
    if folder.is_symlink():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        _make_writable(folder)
        shutil.rmtree(folder, ignore_errors=True)
    return not os.path.lexists(folder)


def _make_writable(folder: Path) -> None:
    """Let the files in it be removed: package caches take away the right to write."""
    with suppress(OSError):  # of somebody else's; then the rest stays too
        for _, _, _, handle in os.fwalk(folder):
            os.fchmod(handle, 0o700)
