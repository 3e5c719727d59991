"""What the list of tasks is filtered by, and looks up for its rows."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest

from ledger.admin.long_lists import IndexedValuesFilter, LongList
from tasks.admin import costs
from tasks.admin.base import ProfileFilter, RuntimeFilter
from tasks.models import PermissionRequest, Run, Status, Task, TaskTag

SHOWN_REASON = 300  # characters of an error


class TaskList(LongList):
    """Looks up what is shown of other tables for the rows of one page, all at once."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        ordering = super().get_ordering(request, queryset)
        # The index of priorities, read backwards.
        return ["-priority", "pk"] if ordering[0] == "-priority" else ordering

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        ids = [task.pk for task in self.result_list]
        spent = costs.sum_of_tasks(ids)
        pending = PermissionRequest.objects.pending().filter(task_id__in=ids)
        waiting = set(pending.values_list("task_id", flat=True))
        ran = _last_runs(ids)
        for task in self.result_list:
            task.ran_on, task.ran_as, task.reason = ran.get(task.pk, ("", "", ""))
            task.cost = spent.get(task.pk, costs.Cost())
            task.is_waiting = task.pk in waiting


def _last_runs(task_ids: list[UUID]) -> dict[UUID, tuple[str, str, str]]:
    """Return the runtime, profile and error of each task's last run."""
    runs = Run.objects.filter(task_id__in=task_ids).order_by("attempt")
    columns = ("task_id", "runtime", "profile", Left("error", SHOWN_REASON))
    return {task_id: tuple(told) for task_id, *told in runs.values_list(*columns)}


def state_tabs(request: HttpRequest, url: str) -> list[dict[str, Any]]:
    """Return the views of the list by state. Only what goes on is counted: it is little."""
    going_on = Task.objects.filter(status__in=[Status.RUNNING, Status.QUEUED])
    counts = dict(going_on.order_by().values_list("status").annotate(Count("pk")))
    waiting = PermissionRequest.objects.pending().values("task_id").distinct().count()
    query = request.GET.get("status__exact", "")
    is_waiting = request.GET.get("waiting") == "yes"
    tabs: list[dict[str, Any]] = [
        {"title": "All", "url": url, "is_current": not query and not is_waiting},
        {
            "title": "Waiting for you",
            "url": f"{url}?waiting=yes",
            "is_current": is_waiting,
            "number": waiting,
        },
    ]
    for status in Status:
        number = counts.get(status, 0) if status in {"running", "queued"} else None
        tabs.append(
            {
                "title": str(status.label),
                "url": f"{url}?status__exact={status}",
                "is_current": query == status,
                "number": number,
            }
        )
    return tabs


class WaitingFilter(admin.SimpleListFilter):
    """Tasks whose agent waits for a person."""

    title = "waiting for a decision"
    parameter_name = "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Waiting for you")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() != "yes":
            return queryset
        return queryset.waiting_for_decision()


class PriorityFilter(admin.SimpleListFilter):
    """Tasks by priority."""

    title = "priority"
    parameter_name = "priority"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(number), f"P{number}") for number in range(4)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(priority=value) if value in set("0123") else queryset


class AgentFilter(RuntimeFilter):
    """Tasks by the runtime that they name."""

    parameter_name = "assigned_agent"


class AgentProfileFilter(ProfileFilter):
    """Tasks by the profile that they name."""

    parameter_name = "agent_profile"


class TagFilter(IndexedValuesFilter):
    """Tasks by their tags."""

    title = "tag"
    parameter_name = "tag"
    table = "tasks_tasktag"
    column = "name"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        tag = self.value()
        if not tag:
            return queryset
        return queryset.filter(
            Exists(TaskTag.objects.filter(task=OuterRef("pk"), name=tag))
        )
