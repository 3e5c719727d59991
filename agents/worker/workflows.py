"""The worker's part in workflows: it advances their runs when one is due or may have changed."""

import asyncio
from datetime import datetime

from django.utils import timezone

from agents.worker.database import run_in_database
from tasks.workflows.advance import sweep

# At most between two sweeps, for a message may be lost.
MAX_WAIT_SECONDS = 2.0
# At least between two sweeps: many tasks that end together cause one.
MIN_WAIT_SECONDS = 0.05


class WorkflowSweep:
    """Knows when to sweep the runs of workflows next; any number of workers may do so."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Sweep soon: the task of a step may have ended."""
        self._woken.set()

    async def advance(self) -> None:
        """Advance what is due, then wait until something else may be."""
        self._woken.clear()
        next_at = await run_in_database(sweep)
        try:
            async with asyncio.timeout(_seconds_until(next_at)):
                await self._woken.wait()
        except TimeoutError:
            pass


def _seconds_until(next_at: datetime | None) -> float:
    if next_at is None:
        return MAX_WAIT_SECONDS
    seconds = (next_at - timezone.now()).total_seconds()
    return min(max(seconds, 0), MAX_WAIT_SECONDS)
