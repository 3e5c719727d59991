"""`manage.py execute`; what starts an agent, which `resume` does too."""

from typing import Any

from django.core.management.base import CommandParser

from tasks import audit, lifecycle
from tasks.exceptions import InvalidTransition
from tasks.management.command import AdministratorCommand, actor, author
from tasks.management.following import Follower
from tasks.management.output import join_lines
from tasks.models import Run, Task


class Command(AdministratorCommand):
    help = (
        "Start an agent on tasks. Planned ones are queued first, and with --again finished"
        " ones too; one that is refused stays as it was. A worker does the work: `manage.py serve` or `manage.py runagents`."
    )
    example = "manage.py execute 0199a3c4-7d21 --follow"
    can_follow = True
    can_run_again = True
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
        if self.can_run_again:
            parser.add_argument(
                "--again",
                action="store_true",
                help="start finished tasks afresh; a new result replaces the old one",
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
        self,
        *args: Any,
        ids: list[str],
        follow: bool,
        json: bool,
        again: bool = False,
        **options: Any,
    ) -> None:
        self.again = again
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
        was_queued = task.status == Task.Status.QUEUED
        verb = lifecycle.run_again if self.again else lifecycle.execute
        try:
            with audit.recorded(author(), verb.__name__.replace("_", "-"), task):
                run = verb(task, by=actor())
        except InvalidTransition as error:
            if lifecycle.why_not_resumable(task):
                raise
            way = f"`manage.py resume {task.pk}` goes on from its last checkpoint."
            raise InvalidTransition(f"{error.explain_in_command()} Or {way}") from error
        return describe_start("Started" if was_queued else "Queued and started", run)


def describe_start(verb: str, run: Run) -> str:
    return (
        f"{verb} {run.task_id} “{join_lines(run.task.title)}”:"
        f" attempt {run.attempt} on {run.runtime} as {run.profile}."
    )
