"""What an operator can do with a task: the verbs of `tasks.lifecycle`, as buttons."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from ledger.budgets import BudgetExceeded
from tasks import lifecycle
from tasks.exceptions import Refused
from tasks.models import Status, Task


@dataclass(frozen=True)
class Verb:
    name: str
    title: str
    done: str
    icon: str
    statuses: frozenset[Status]  # in which it is offered
    perform: Callable[[Task, str], object]
    variant: str = "default"  # of unfold's button
    confirm: str = ""


def execute(task: Task, by: str) -> None:
    """Start an agent; a planned task is queued first, or stays planned if that is refused."""
    with transaction.atomic():
        if task.status == Status.PLANNED:
            lifecycle.record_status(task, Status.QUEUED, by=by)
        lifecycle.start_run(task, by=by)


def queue(task: Task, by: str) -> None:
    """Queue a task; one that is completed or cancelled by way of planned."""
    with transaction.atomic():
        if task.status in {Status.COMPLETED, Status.CANCELLED}:
            lifecycle.record_status(task, Status.PLANNED, by=by)
        lifecycle.record_status(task, Status.QUEUED, by=by)


VERBS = {
    verb.name: verb
    for verb in (
        Verb(
            "execute",
            "Execute",
            "Started",
            "play_arrow",
            frozenset({Status.PLANNED, Status.QUEUED}),
            execute,
            variant="primary",
        ),
        Verb(
            "resume",
            "Resume",
            "Resumed",
            "resume",
            frozenset({Status.FAILED, Status.CANCELLED}),
            lambda task, by: lifecycle.resume(task, by=by),
            variant="primary",
        ),
        Verb(
            "queue",
            "Queue",
            "Queued",
            "low_priority",
            frozenset(
                {Status.PLANNED, Status.FAILED, Status.COMPLETED, Status.CANCELLED}
            ),
            queue,
        ),
        Verb(
            "cancel",
            "Cancel",
            "Cancel requested",
            "stop_circle",
            frozenset({Status.PLANNED, Status.QUEUED, Status.RUNNING}),
            lambda task, by: lifecycle.cancel(task, by=by),
            variant="danger",
            confirm="Cancel this task?",
        ),
    )
}


def offered(task: Task) -> list[Verb]:
    return [verb for verb in VERBS.values() if task.status in verb.statuses]


def refusal(verb: Verb, task: Task, *, by: str) -> str | None:
    """Perform `verb`; return why not, if it is refused."""
    try:
        verb.perform(task, by)
    except (Refused, BudgetExceeded) as error:
        return str(error)
    return None
