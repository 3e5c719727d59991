"""Runs that may be what killed their workers: each gets a worker process of its own.

There it takes no other run along, and if that one dies too, it is this run that is to blame.
"""

import asyncio
import logging
import sys
import time
from contextlib import suppress
from uuid import UUID

from django.conf import settings

from agents.worker.database import in_database
from tasks.models import Run

PAUSE_SECONDS = 0.9  # a worker calls at least once a second
AT_ONCE = 4  # processes of one worker, about 100 MB each
MOST_LOOKED_AT = 100

log = logging.getLogger(__name__)


class PoisonRuns:
    """The processes that a worker started for its suspects."""

    def __init__(self) -> None:
        self._processes: dict[UUID, asyncio.subprocess.Process] = {}
        self._watching: set[asyncio.Task[None]] = set()
        self._looked_at = float("-inf")
        self._waiting: list[UUID] = []

    async def look(self) -> None:
        """Start a process for each suspect that is due, as far as there is room.

        Not at every call: workers that die are rare, and calls are many.
        """
        if time.monotonic() - self._looked_at < PAUSE_SECONDS:
            return
        self._looked_at = time.monotonic()
        found = await in_database(_due, MOST_LOOKED_AT)
        due = [run_id for run_id in found if run_id not in self._processes]
        room = AT_ONCE - len(self._processes)
        for run_id in due[:room]:
            await self._start(run_id)
        self._tell_of(due[room:])

    def _tell_of(self, waiting: list[UUID]) -> None:
        if waiting and waiting != self._waiting:
            log.info(
                "%d runs that workers were lost with wait for a process of their own, of"
                " which there are %d at once.",
                len(waiting),
                AT_ONCE,
            )
        self._waiting = waiting

    def stop(self) -> None:
        """Let each hand its run over; a second call leaves no grace."""
        for process in self._processes.values():
            with suppress(ProcessLookupError):
                process.terminate()

    async def ended(self) -> None:
        while self._watching:
            await asyncio.wait(self._watching)

    async def _start(self, run_id: UUID) -> None:
        log.info(
            "Run %s, that workers were lost with, gets a process of its own.", run_id
        )
        # A session of its own: a Ctrl-C is for us, and we pass it on.
        self._processes[run_id] = process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(settings.BASE_DIR / "manage.py")),
            *("runagents", "--run", str(run_id)),
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        task = asyncio.create_task(self._watch(run_id, process))
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    async def _watch(self, run_id: UUID, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        del self._processes[run_id]


def _due(limit: int) -> list[UUID]:
    return list(Run.objects.due().poison().values_list("pk", flat=True)[:limit])
