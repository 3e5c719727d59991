"""The worker's part in schedules: it sweeps when one is due, or when something changed."""

import math
import time

from agents.worker.database import in_database
from tasks.schedules.firing import sweep

# Where nobody woke us: the wake-up was lost, or a task was ended in another way.
LOOK_SECONDS = 5.0
# However much happens: each run that is queued or ends wakes us.
MIN_SECONDS = 0.4
BREATH_SECONDS = 0.02


class ScheduleSweep:
    """Knows when to look at the schedules next; any number of workers may do so."""

    def __init__(self) -> None:
        self._swept_at = -math.inf
        self._due_at = -math.inf

    def wake(self) -> None:
        """Look again soon: a schedule was changed, or a firing may have ended."""
        self._due_at = min(self._due_at, self._swept_at + MIN_SECONDS)

    def seconds_left(self) -> float:
        return max(0.0, self._due_at - time.monotonic())

    async def look(self) -> None:
        """Fire what is due, if it is time to look."""
        if self.seconds_left() > 0:
            return
        self._swept_at = time.monotonic()
        self._due_at = self._swept_at + LOOK_SECONDS
        seconds = await in_database(sweep)
        if seconds is not None:
            # Not at once, should what is due be held by another worker.
            wait = max(seconds, BREATH_SECONDS)
            self._due_at = min(self._due_at, time.monotonic() + wait)
