import shutil
from argparse import ArgumentTypeError
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from tasks.api.representation.task_filters import TaskFilters
from tasks.api.representation.task_list import page_rows, whole_list
from tasks.api.representation.tasks import represent_task
from tasks.api.whole_lists import array
from tasks.management.command import AdministratorCommand
from tasks.management.finding import find_project
from tasks.management.output import fit_to_width, join_lines, measure_width
from tasks.models import PermissionRequest, Run, Task
from tasks.models.task import TaskQuerySet

TABLE_LIMIT = 50
GAP = "  "
HEADINGS = (
    "ID",
    "STATUS",
    "PRI",
    "TITLE",
    "PROJECT",
    "RUNTIME",
    "WAITING",
    "UPDATED",
)
TITLE, PROJECT, RUNTIME, WAITING = range(3, 7)
# In this order columns give way to the terminal's width, each down to so much.
GIVING_WAY = ((TITLE, 24), (PROJECT, 8), (RUNTIME, 8), (WAITING, 7), (TITLE, 8))
MIN_ID = 13  # the time in an id, to the millisecond

Row = Sequence[str]


class Command(AdministratorCommand):
    help = (
        "List tasks, the most urgent and then the newest first. The table is cut to the"
        " terminal; in a pipe nothing is cut."
    )
    example = "manage.py tasks --status running --waiting"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--status",
            choices=Task.Status.values,
            action="append",
            help="may be repeated",
        )
        parser.add_argument(
            "--tag",
            action="append",
            metavar="TAG",
            help="only with this tag; may be repeated",
        )
        parser.add_argument("--project", metavar="ID", help="only of this project")
        parser.add_argument(
            "--waiting",
            action="store_true",
            help="only those that wait for a decision, and how to give it",
        )
        parser.add_argument(
            "--limit",
            type=_limit,
            metavar="N",
            help=f"default: {TABLE_LIMIT}; with --json all",
        )
        parser.add_argument(
            "--json",
            action="store_true",
            help="print an array of the tasks as the API lists them; with --waiting as it"
            " shows one, with waitingFor",
        )

    def handle(
        self,
        *args: Any,
        status: list[str] | None,
        tag: list[str] | None,
        project: str | None,
        waiting: bool,
        limit: int | None,
        json: bool,
        **options: Any,
    ) -> None:
        filters = TaskFilters(
            statuses=tuple(dict.fromkeys(status or ())),
            tags=tuple(dict.fromkeys(tag or ())),
            project_id=None if project is None else find_project(project).pk,
        )
        if json and not waiting:
            self._write_list(limit, filters)
            return
        tasks = filters.matching()
        if waiting:
            tasks = tasks.waiting_for_decision()
        if json:
            self._write_in_full(tasks[:limit])
            return
        self._write_table(tasks, limit or TABLE_LIMIT)
        if waiting:
            self._write_requests(tasks[: limit or TABLE_LIMIT])

    def _write_list(self, limit: int | None, filters: TaskFilters) -> None:
        if limit is None:
            pieces = whole_list(filters).pieces()
        else:
            rows = page_rows(limit, filters)
            pieces = iter([array(text for text, *_ in rows)])
        for piece in pieces:
            self.stdout.write(piece.decode(), ending="")
        self.stdout.write()

    def _write_in_full(self, tasks: TaskQuerySet) -> None:
        shown = [represent_task(pk) for pk in tasks.values_list("pk", flat=True)]
        self.write_json([task for task in shown if task])

    def _write_table(self, tasks: TaskQuerySet, limit: int) -> None:
        rows = _rows(tasks[:limit])
        if not rows:
            self.hint("No task is like that." if tasks.query.where else "No tasks yet.")
            return
        width = shutil.get_terminal_size().columns if self.stdout.isatty() else None
        heading, *lines = _lines(rows, width)
        self.stdout.write(heading, self.style.MIGRATE_LABEL)
        for line in lines:
            self.stdout.write(line)
        if len(rows) == limit and (more := tasks.count() - limit) > 0:
            self.hint(f"… and {more} more: --limit {limit + more} shows all.")

    def _write_requests(self, tasks: TaskQuerySet) -> None:
        pending = PermissionRequest.objects.pending().filter(
            task__in=list(tasks.values_list("pk", flat=True))
        )
        for request in pending.order_by("created_at"):
            self.stdout.write(f"\n{join_lines(request.message)} ({request.task_id})")
            self.stdout.write(f"  manage.py respond {request.pk} allow|deny")


def _rows(tasks: TaskQuerySet) -> list[Row]:
    runs = Run.objects.filter(task=OuterRef("pk")).order_by("-attempt")
    requests = PermissionRequest.objects.pending().filter(task=OuterRef("pk"))
    found = tasks.annotate(
        last_runtime=Subquery(runs.values("runtime")[:1]),
        wanted_tool=Subquery(requests.order_by("created_at").values("tool_name")[:1]),
    ).values_list(
        "id",
        "status",
        "priority",
        "title",
        "project__name",
        "last_runtime",
        "assigned_agent",
        "wanted_tool",
        "updated_at",
    )
    return [
        (
            str(pk),
            status,
            f"P{priority}",
            join_lines(title),
            join_lines(project or ""),
            runtime or assigned,
            join_lines(tool or ""),
            _age(updated_at),
        )
        for pk, status, priority, title, project, runtime, assigned, tool, updated_at in found
    ]


def _age(moment: datetime) -> str:
    seconds = max(0, round((timezone.now() - moment).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit} ago"
    return f"{seconds}s ago"


def _lines(rows: list[Row], width: int | None) -> list[str]:
    """Return the table's lines, none wider than `width`."""
    widths = _widths(rows)
    if width is not None and _total(widths) > width:
        rows = _shorten_ids(rows)
        widths = _narrow(rows, width)
    lines = [_join(row, widths) for row in (HEADINGS, *rows)]
    return (
        lines
        if width is None
        else [fit_to_width(line, width).rstrip() for line in lines]
    )


def _narrow(rows: list[Row], width: int) -> list[int]:
    """Leave out the columns with nothing in them, then let the others give way."""
    is_used = [any(cells) for cells in zip(*rows, strict=True)]
    widths = [n if used else 0 for n, used in zip(_widths(rows), is_used, strict=True)]
    for column, least in GIVING_WAY:
        spare = max(0, widths[column] - least)
        widths[column] -= min(spare, max(0, _total(widths) - width))
    return widths


def _join(row: Row, widths: list[int]) -> str:
    columns = zip(row, widths, strict=True)
    return GAP.join(
        fit_to_width(cell, width) for cell, width in columns if width
    ).rstrip()


def _widths(rows: list[Row]) -> list[int]:
    columns = zip(HEADINGS, *rows, strict=True)
    return [max(map(measure_width, column)) for column in columns]


def _total(widths: list[int]) -> int:
    return sum(width + len(GAP) for width in widths if width) - len(GAP)


def _shorten_ids(rows: list[Row]) -> list[Row]:
    """Cut the ids to as little as tells them apart here: every command takes that."""
    ids = {row[0] for row in rows}
    lengths = range(MIN_ID, len(rows[0][0]))
    is_enough = (n for n in lengths if len({pk[:n] for pk in ids}) == len(ids))
    length = next(is_enough, None)
    return [(row[0][:length], *row[1:]) for row in rows]


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 10**9):
        raise ArgumentTypeError(f"{text!r} is no number of tasks from 1")
    return int(text)
