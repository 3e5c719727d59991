"""Poison runs, which may be what killed their workers: each gets a worker of its own.

There it takes no other run with it, and if that worker dies too, this run is to blame.
"""

import asyncio
import logging
import sys
import time
from contextlib import suppress
from uuid import UUID

from django.conf import settings

from agents.worker.database import run_in_database
from tasks.models import Run
from tasks.observability import log_context

POLL_SECONDS = 0.9  # a worker calls at least once a second
MAX_PROCESSES = 4  # for one worker, about 100 MB each
MAX_DUE = 100

log = logging.getLogger(__name__)


class PoisonRuns:
    """The processes that a worker started for poison runs."""

    def __init__(self) -> None:
        self._processes: dict[UUID, asyncio.subprocess.Process] = {}
        self._watching: set[asyncio.Task[None]] = set()
        self._polled_at = float("-inf")
        self._waiting: list[UUID] = []

    async def start_due(self) -> None:
        """Start a process for each poison run that is due, as far as there is room.

        Most calls do nothing: workers rarely die, and this is called at every poll.
        """
        if time.monotonic() - self._polled_at < POLL_SECONDS:
            return
        self._polled_at = time.monotonic()
        found = await run_in_database(_find_due, MAX_DUE)
        due = [run_id for run_id in found if run_id not in self._processes]
        room = MAX_PROCESSES - len(self._processes)
        for run_id in due[:room]:
            await self._start(run_id)
        self._log_waiting(due[room:])

    def _log_waiting(self, waiting: list[UUID]) -> None:
        if waiting and waiting != self._waiting:
            log.info(
                "%d runs whose workers died wait for a process of their own; %d such"
                " processes may run at once.",
                len(waiting),
                MAX_PROCESSES,
                extra=log_context.make_extra("isolate"),
            )
        self._waiting = waiting

    def stop(self) -> None:
        """Tell each process to hand its run over; after a second call it does so at once."""
        for process in self._processes.values():
            with suppress(ProcessLookupError):
                process.terminate()

    async def wait_until_ended(self) -> None:
        """Wait until every process has ended."""
        while self._watching:
            await asyncio.wait(self._watching)

    async def _start(self, run_id: UUID) -> None:
        log.info(
            "Run %s, whose workers died, gets a process of its own.",
            run_id,
            extra=log_context.make_extra("isolate", run_id=run_id),
        )
        # In a session of its own, so that a Ctrl-C reaches this worker alone, which passes
        # it on.
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


def _find_due(limit: int) -> list[UUID]:
    return list(Run.objects.due().poison().values_list("pk", flat=True)[:limit])
