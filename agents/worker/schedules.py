"""The worker's part in schedules: it sweeps them when one is due, or when one may have changed."""

import math
import time

from django.utils import timezone

from agents.worker.database import run_in_database
from tasks.schedules.firing import sweep
from tasks.schedules.retention import remove_old_firings

# At most between two sweeps, for a message may be lost.
SWEEP_SECONDS = 5.0
# At least between two sweeps, for each run that is queued or ends wakes this.
MIN_SECONDS = 0.4
RETRY_SECONDS = 0.02
REMOVING_SECONDS = 3600


class ScheduleSweep:
    """Knows when to sweep the schedules next; any number of workers may do so."""

    def __init__(self) -> None:
        self._swept_at = -math.inf
        self._due_at = -math.inf

    def wake(self) -> None:
        """Sweep again soon: a schedule was changed, or a firing may have ended."""
        self._due_at = min(self._due_at, self._swept_at + MIN_SECONDS)

    def seconds_left(self) -> float:
        """Return the seconds until the next sweep."""
        return max(0.0, self._due_at - time.monotonic())

    async def fire_due(self) -> None:
        """Fire what is due, if it is time to sweep."""
        if self.seconds_left() > 0:
            return
        self._swept_at = time.monotonic()
        self._due_at = self._swept_at + SWEEP_SECONDS
        seconds = await run_in_database(sweep)
        if seconds is not None:
            # Not at once: another worker may be firing what is due.
            wait = max(seconds, RETRY_SECONDS)
            self._due_at = min(self._due_at, time.monotonic() + wait)


async def remove_old() -> None:
    """Remove the firings that are kept no longer, some at a time."""
    while await run_in_database(remove_old_firings, timezone.now()):
        pass  # with room for others in between
