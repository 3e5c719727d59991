"""The list of tasks: how it is sorted and counted, and what it looks up for its rows."""

from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest

from ledger.admin.long_lists import LongList
from tasks.admin import costs
from tasks.admin.task_chips import list_chips
from tasks.admin.task_filters import list_fields
from tasks.models import PermissionRequest, Run, Task

SHOWN_REASON = 300  # characters of an error
MOST_COUNTED = 999  # of a status
STATE = ("status__exact", "waiting", "failed")
_PARAMETERS_OF_STATE = {"status", "waiting", "failed"}
# What follows each order in its index.
_THEN = {
    "-priority": "pk",
    "spent": "spent_of",
    "-spent": "-spent_of",
    "took_milliseconds": "pk",
}


class TaskList(LongList):
    """Looks up what is shown of other tables for the rows of one page, all at once."""

    model_admin: Any
    root_queryset: Any

    def get_filters(self, request: HttpRequest) -> Any:
        """Show no panel of filters: they are above the list."""
        specs, _, *others = super().get_filters(request)
        self.selects, self.inputs = list_fields(request, specs)
        self.chips = list_chips(request, specs)
        return specs, False, *others

    def get_queryset(self, request: HttpRequest, *args: Any) -> QuerySet[Any]:
        """Leave out what has no cost, or took no time, where that is what sorts."""
        column = self._sorted_by(request)
        if column == "cost":
            floor = None
            if self.model_admin.looks_at_newest(request):
                floor = self.model_admin.find_floor(request)
            self.root_queryset = self.root_queryset.with_spent(after=floor)
        elif column == "took":
            self.root_queryset = self.root_queryset.filter(
                took_milliseconds__isnull=False
            )
        return super().get_queryset(request, *args)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        ordering = super().get_ordering(request, queryset)
        first = ordering[0]
        return [first, _THEN[first]] if first in _THEN else ordering

    def _sorted_by(self, request: HttpRequest) -> str:
        number = request.GET.get("o", "").split(".")[0].removeprefix("-")
        if not (number.isascii() and number.isdigit()):
            return ""
        return str(dict(enumerate(self.list_display)).get(int(number[:3]), ""))

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        ids = [task.pk for task in self.result_list]
        spent = costs.sum_of_tasks(ids)
        pending = PermissionRequest.objects.pending().filter(task_id__in=ids)
        waiting = set(pending.values_list("task_id", flat=True))
        ran = _last_runs(ids)
        for task in self.result_list:
            task.ran_on, task.ran_as, task.reason, task.began_at = ran.get(
                task.pk, ("", "", "", None)
            )
            task.cost = spent.get(task.pk, costs.Cost())
            task.is_waiting = task.pk in waiting
        self.tabs = self._make_tabs(request)
        kept = {*STATE, "q", "o", *(chip["parameter"] for chip in self.chips)}
        self.kept = [
            (name, value)
            for name, value in request.GET.items()
            if value and name in kept
        ]
        self.is_of_newest = self.model_admin.looks_at_newest(request)

    def _make_tabs(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Return the views of the list by state, each with how many there are."""
        counts = self._count(request)
        query = request.GET.get("status__exact", "")
        is_waiting = request.GET.get("waiting") == "yes"
        tabs: list[dict[str, Any]] = [
            {
                "title": "All",
                "url": self.get_query_string(remove=[*STATE, "p"]),
                "is_current": not query and not is_waiting,
            },
            {
                "title": "Waiting for you",
                "url": self.get_query_string(
                    {"waiting": "yes"}, ["status__exact", "failed", "p"]
                ),
                "is_current": is_waiting,
                "number": PermissionRequest.objects.pending().count_tasks(),
            },
        ]
        for status in Task.Status:
            number = counts.get(status.value)
            tabs.append(
                {
                    "title": str(status.label),
                    "url": self.get_query_string(
                        {"status__exact": status.value}, ["waiting", "failed", "p"]
                    ),
                    "is_current": query == status,
                    "number": f"{MOST_COUNTED}+"
                    if number is not None and number > MOST_COUNTED
                    else number,
                }
            )
        return tabs

    def _count(self, request: HttpRequest) -> dict[str, int]:
        """Count tasks by status: each up to a number, or those among the newest that match."""
        if request.GET.get("q"):
            return {}
        chosen = self.model_admin.chosen_filters(request) - set(STATE)
        if not chosen:
            return count_by_status()
        tasks: Any = Task.objects.all()
        for spec in self.filter_specs:
            if getattr(spec, "parameter_name", "status") not in _PARAMETERS_OF_STATE:
                tasks = spec.queryset(request, tasks)
        if not chosen & self.model_admin.narrow_filters:
            tasks = self.model_admin.filter_newest(request, tasks)
        counted = dict(tasks.order_by().values_list("status").annotate(Count("pk")))
        return {status: counted.get(status, 0) for status in Task.Status.values}


def count_by_status() -> dict[str, int]:
    """Count the tasks of each status, up to one more than `MOST_COUNTED`, by its index."""
    counts = [
        "(SELECT COUNT(*) FROM (SELECT 1 FROM tasks_task WHERE status = %s"  # noqa: S608
        f" LIMIT {MOST_COUNTED + 1}) AS counted)"
        for _ in Task.Status.values
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(counts)}", Task.Status.values)
        return dict(zip(Task.Status.values, cursor.fetchone(), strict=True))


def _last_runs(task_ids: list[UUID]) -> dict[UUID, tuple[Any, ...]]:
    """Return the runtime, profile, error and begin of each task's last run."""
    runs = Run.objects.filter(task_id__in=task_ids).order_by("attempt")
    columns = ("task_id", "runtime", "profile", Left("error", SHOWN_REASON))
    rows = runs.values_list(*columns, "started_at")
    return {task_id: tuple(told) for task_id, *told in rows}
