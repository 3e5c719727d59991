"""Removes the workspaces and the long logs of tasks that were deleted."""

import asyncio
import logging

from agents.worker.database import run_in_database
from agents.worker.log_fields import log_fields
from tasks.files.folders import folder_of
from tasks.files.removal import remove_files
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
        if await asyncio.to_thread(remove_files, task_id):
            await run_in_database(Leftover.objects.filter(pk=task_id).delete)
        else:
            log.warning(
                "Could not remove %s; trying again in an hour.",
                folder_of(task_id),
                extra=log_fields("remove", task_id=task_id),
            )
