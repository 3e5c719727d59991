"""What an operator can do with a task: the verbs of `tasks.lifecycle`, as buttons."""

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest

from ledger.budgets import BudgetExceeded
from tasks import lifecycle
from tasks.admin.auditing import recorded
from tasks.exceptions import Refused
from tasks.models import Task
from tasks.models.task_status import FINAL


@dataclass(frozen=True)
class Verb:
    """A button: what it does, where it is offered, what it asks first."""

    name: str
    title: str
    done: str
    icon: str
    statuses: frozenset[Task.Status]  # in which it is offered
    perform: Callable[[Task, str], object]
    variant: str = "default"  # of unfold's button
    confirm: str = ""


VERBS = {
    verb.name: verb
    for verb in (
        Verb(
            "execute",
            "Execute",
            "Started",
            "play_arrow",
            frozenset({Task.Status.PLANNED, Task.Status.QUEUED}),
            lambda task, by: lifecycle.execute(task, by=by),
            variant="primary",
        ),
        Verb(
            "resume",
            "Resume",
            "Resumed",
            "resume",
            frozenset({Task.Status.FAILED, Task.Status.CANCELLED}),
            lambda task, by: lifecycle.resume(task, by=by),
            variant="primary",
        ),
        Verb(
            "run_again",
            "Run again",
            "Started afresh",
            "replay",
            FINAL,
            lambda task, by: lifecycle.run_again(task, by=by),
            confirm="Start this task afresh? Its result makes way for the new one.",
        ),
        Verb(
            "queue",
            "Queue",
            "Queued",
            "low_priority",
            frozenset(
                {
                    Task.Status.PLANNED,
                    Task.Status.FAILED,
                    Task.Status.COMPLETED,
                    Task.Status.CANCELLED,
                }
            ),
            lambda task, by: lifecycle.queue(task, by=by),
        ),
        Verb(
            "cancel",
            "Cancel",
            "Cancel requested",
            "stop_circle",
            frozenset({Task.Status.PLANNED, Task.Status.QUEUED, Task.Status.RUNNING}),
            lambda task, by: lifecycle.cancel(task, by=by),
            variant="danger",
            confirm="Cancel this task?",
        ),
    )
}


STARTING = frozenset({"execute", "resume", "run_again"})


def list_offered(task: Task) -> list[Verb]:
    """Return what can be done with a task now."""
    fitting = [verb for verb in VERBS.values() if task.status in verb.statuses]
    return [
        verb
        for verb in fitting
        if verb.name != "resume" or not lifecycle.why_not_resumable(task)
    ]


def perform_verb(request: HttpRequest, verb: Verb, task: Task) -> str | None:
    """Perform `verb` for who asks; return why not, if it is refused."""
    try:
        with recorded(request, verb.name.replace("_", "-"), task):
            verb.perform(task, request.user.get_username())
    except Refused as error:
        return error.explain_in_admin()
    except BudgetExceeded as error:
        return str(error)
    return None
