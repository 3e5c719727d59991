"""What a schedule may refuse. `tasks.api.errors` shows it in HTTP, as 409."""

from tasks.exceptions import Conflict
from tasks.models import Firing


class StillRunning(Conflict):
    """What the schedule started last still runs."""

    def __init__(self, before: Firing) -> None:
        super().__init__(
            f"Firing {before} of this schedule is still running. Wait for its end, or use"
            " force to start another one beside it.",
            status=before.schedule.status,
        )


class NeverFires(ValueError):
    """A schedule as it is to be has no time at all. `field`: the column that is why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
