"""The worker's part in workflows: it brings their runs on when one is due, or something changed."""

import asyncio
from datetime import datetime

from django.utils import timezone

from agents.worker.database import in_database
from tasks.workflows.advance import sweep

# Where nobody woke us: a message may be lost, it only makes things quick.
LONGEST_REST_SECONDS = 2.0
# Many tasks that end together cause one look.
SHORTEST_REST_SECONDS = 0.05


class WorkflowSweep:
    """Knows when to look at the runs of workflows next; any number of workers may do so."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look soon: the task of a step may have ended."""
        self._woken.set()

    async def advance(self) -> None:
        """Advance what is due, then rest until something else may be."""
        self._woken.clear()
        next_at = await in_database(sweep)
        try:
            async with asyncio.timeout(_rest(next_at)):
                await self._woken.wait()
        except TimeoutError:
            pass


def _rest(next_at: datetime | None) -> float:
    if next_at is None:
        return LONGEST_REST_SECONDS
    seconds = (next_at - timezone.now()).total_seconds()
    return min(max(seconds, 0), LONGEST_REST_SECONDS)
