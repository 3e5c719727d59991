"""What can be wrong with a request that is well-formed. `tasks.api.errors` shows them in HTTP."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Remedy:
    """What mends a refusal, in the words of each way in: a request, a button, a command."""

    api: str
    admin: str
    command: str


QUEUE = Remedy(
    "Move it there first: PATCH {status: 'queued'}.",
    "Press Queue first, or Run again.",
    "`manage.py execute --again ID` queues and starts it.",
)
PLAN = Remedy(
    "Move it to planned and then to queued first.",
    "Press Run again.",
    "`manage.py execute --again ID` queues and starts it.",
)
START_AFRESH = Remedy(
    "Re-queue the task for a fresh start.",
    "Run again starts it afresh.",
    "`manage.py execute --again ID` starts it afresh.",
)
RUNTIMES = Remedy(
    "GET /api/runtimes tells what each one lacks.",
    "`manage.py check --deploy` tells what each one lacks.",
    "`manage.py check --deploy` tells what each one lacks.",
)


class Refused(Exception):
    """The task is not in a state for this. The message is for people.

    As text it is what the API says; the admin and the commands name `remedy` in their words.
    """

    def __init__(self, message: str, remedy: Remedy | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return self._add_advice(self.remedy.api if self.remedy else "")

    def explain_in_admin(self) -> str:
        return self._add_advice(self.remedy.admin if self.remedy else "")

    def explain_in_command(self) -> str:
        return self._add_advice(self.remedy.command if self.remedy else "")

    def _add_advice(self, advice: str) -> str:
        return f"{self.message} {advice}".strip()


class InvalidTransition(Refused):
    """The status table has no such move."""


class NotResumable(Refused):
    """There is no session to resume, or it was resumed too often."""


class AlreadyDecided(Exception):
    """Somebody else was first, or the agent no longer waits."""


class Conflict(Exception):
    """The thing is not in a state for this: a 409. `status` is the one that it is in."""

    def __init__(self, message: str, *, status: str = "") -> None:
        super().__init__(message)
        self.status = status


class Gone(Exception):
    """What was asked for was there, and is removed for good: a 410."""


class LeaseLost(Exception):
    """The run is no longer this worker's: it must stop and write nothing more."""
