"""Removes what dead workers left, and the workspaces and long logs of tasks that were deleted."""

import asyncio
import logging
from functools import partial

from agents.worker.chores import Chores
from agents.worker.database import run_in_database
from agents.worker.unanswered import book_left_behind
from agents.workspaces import processes, sandbox
from tasks.files.folders import locate_folder
from tasks.files.removal import remove_files
from tasks.models import Leftover, LogEntry
from tasks.observability import log_context

log = logging.getLogger(__name__)

BATCH = 20  # tasks at once; the next call is seconds away
# In one transaction, so that other writers wait for milliseconds only.
ENTRIES_AT_ONCE = 1_000


async def clear_up(chores: Chores) -> None:
    """End what dead workers of this machine left running, book what it used, remove the rest."""
    await asyncio.to_thread(processes.kill_strays)
    booking = partial(run_in_database, book_left_behind)
    await chores.try_once("book what killed agents used", booking)
    await asyncio.to_thread(sandbox.remove_strays)


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
                locate_folder(task_id),
                extra=log_context.make_extra("remove", task_id=task_id),
            )
