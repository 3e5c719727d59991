import sys
import time
from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandParser

from tasks import audit, lifecycle
from tasks.management.command import AdministratorCommand, actor, author
from tasks.management.finding import find_project
from tasks.management.output import Error, ExitCode, join_lines
from tasks.models import Task
from tasks.streams.log_stream import WAIT_SECONDS

POLL_SECONDS = 0.05


class Command(AdministratorCommand):
    help = (
        "Cancel tasks that are planned, queued or running; a cancelled one stays as it is."
        " A worker that performs one is asked to stop it, and the task is cancelled when"
        " it has."
    )
    example = "manage.py cancel --all --project proj-8f3a-4b2c --yes"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "ids",
            nargs="*",
            metavar="ID",
            help="a task's id, or at least the first 8 characters of it",
        )
        parser.add_argument(
            "--all", action="store_true", help="cancel all running and queued tasks"
        )
        parser.add_argument(
            "--project",
            metavar="ID",
            help="cancel all running and queued tasks of this project",
        )
        parser.add_argument(
            "--yes",
            action="store_true",
            help="do not ask whether --all or --project is meant; needed where there is no"
            " terminal to ask on",
        )
        parser.add_argument(
            "--json",
            action="store_true",
            help="print an array of the tasks as the API shows them, those that were"
            ' refused as {"id", "error"}',
        )

    def handle(
        self,
        *args: Any,
        ids: list[str],
        all: bool,
        project: str | None,
        yes: bool,
        json: bool,
        **options: Any,
    ) -> None:
        is_sweep = all or project is not None
        if bool(ids) == is_sweep:
            raise Error("Name the tasks, or give --all or --project.", ExitCode.USAGE)
        if is_sweep:
            ids = self._all(project, yes=yes)

        def act(task: Task) -> None:
            with audit.recorded(author(), "cancel", task):
                lifecycle.cancel(task, by=actor())

        attempts = self.each(ids, act)
        cancelled = [one.task for one in attempts if one.task]
        _let_confirm(cancelled)
        if json:
            self.write_json([attempt.as_json() for attempt in attempts])
        else:
            self.stdout.writelines(map(_describe, cancelled))
        errors = [attempt.error for attempt in attempts if attempt.error]
        self.settle(errors, among=len(ids))

    def _all(self, project: str | None, *, yes: bool) -> list[str]:
        """Return the ids of all tasks in question, once it is certain that all are meant."""
        tasks = Task.objects.filter(
            status__in=[Task.Status.QUEUED, Task.Status.RUNNING]
        )
        if project is not None:
            tasks = tasks.filter(project=find_project(project))
        ids = [str(pk) for pk in tasks.values_list("pk", flat=True)]
        if not ids:
            self.hint("No task is running or queued: there is nothing to cancel.")
        elif not yes:
            self._make_sure(len(ids))
        return ids

    def _make_sure(self, count: int) -> None:
        tasks = "1 task" if count == 1 else f"{count} tasks"
        if not sys.stdin.isatty():
            raise Error(
                f"This would cancel {tasks}. Add --yes if that is meant: there is no"
                " terminal to ask on.",
                ExitCode.USAGE,
            )
        self.stderr.write(f"Cancel {tasks}? [y/N] ", str, ending="")
        self.stderr.flush()
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise Error("Nothing was cancelled.", ExitCode.REFUSED)


def _let_confirm(tasks: Iterable[Task]) -> None:
    """Give the workers as long as the API does to confirm that they have stopped."""
    named = Task.objects.filter(pk__in=[task.pk for task in tasks])
    until = time.monotonic() + WAIT_SECONDS
    while (
        named.filter(status=Task.Status.RUNNING).exists() and time.monotonic() < until
    ):
        time.sleep(POLL_SECONDS)


def _describe(task: Task) -> str:
    status = Task.objects.filter(pk=task.pk).values_list("status", flat=True).first()
    match status:
        case Task.Status.CANCELLED:
            verb = "Cancelled"
        case Task.Status.RUNNING:
            verb = "Asked to stop"
        case _:  # or was deleted
            verb = "Ended meanwhile"
    return f"{verb}: {task.pk} “{join_lines(task.title)}”\n"
