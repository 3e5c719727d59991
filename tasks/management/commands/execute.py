"""`manage.py execute`; what starts an agent, which `resume` does too."""

from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from tasks import lifecycle
from tasks.exceptions import InvalidTransition
from tasks.management.command import AdministratorCommand, actor
from tasks.management.following import Follower
from tasks.management.output import one_line
from tasks.models import Run, Status, Task


class Command(AdministratorCommand):
    help = (
        "Start an agent on tasks. Planned ones are queued first; one that is refused stays"
        " as it was. A worker does the work: `manage.py serve` or `manage.py runagents`."
    )
    example = "manage.py execute 0199a3c4-7d21 --follow"
    can_follow = True
    on_interrupt = (
        "Interrupted; what was started goes on. `manage.py logs ID --follow` shows it,"
        " `manage.py cancel ID` stops it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "ids",
            nargs="+",
            metavar="ID",
            help="a task's id, or at least the first 8 characters of it",
        )
        parser.add_argument(
            "--follow",
            action="store_true",
            help="show the log until the end, and let the exit code tell the outcome",
        )
        parser.add_argument(
            "--json",
            action="store_true",
            help="print an array of the tasks as the API shows them, those that were"
            ' refused as {"id", "error"}; with --follow print the log instead, an entry a'
            " line, each with its taskId where several tasks are named",
        )

    def handle(
        self, *args: Any, ids: list[str], follow: bool, json: bool, **options: Any
    ) -> None:
        followers: list[Follower] = []

        def act(task: Task) -> None:
            follower = Follower(task.pk, task.log_sequence)
            said = self.start(task)
            followers.append(follower)
            if not (follow or json):
                self.stdout.write(said)

        attempts = self.each(ids, act)
        errors = [attempt.error for attempt in attempts if attempt.error]
        if follow:
            errors += self.follow(followers, as_json=json, among=len(ids))
        elif json:
            self.write_json([attempt.as_json() for attempt in attempts])
        self.settle(errors, among=len(ids))

    def start(self, task: Task) -> str:
        """Start a run, and say what was done."""
        was_planned = task.status == Status.PLANNED
        with transaction.atomic():  # one that is refused stays planned
            if was_planned:
                lifecycle.record_status(task, Status.QUEUED, by=actor())
            run = _start_run(task)
        return started("Queued and started" if was_planned else "Started", run)


def _start_run(task: Task) -> Run:
    try:
        return lifecycle.start_run(task, by=actor())
    except InvalidTransition as error:
        if task.status not in {Status.FAILED, Status.CANCELLED}:
            raise
        way = f"`manage.py resume {task.pk}` goes on from its last checkpoint."
        raise InvalidTransition(f"{error} Or {way}") from error


def started(verb: str, run: Run) -> str:
    return (
        f"{verb} {run.task_id} “{one_line(run.task.title)}”:"
        f" attempt {run.attempt} on {run.runtime} as {run.profile}."
    )
