"""What the list of tasks is filtered by, and looks up for its rows."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from ledger.admin.long_lists import LongList
from tasks.admin import costs
from tasks.admin.base import ProfileFilter, RuntimeFilter
from tasks.models import PermissionRequest, Run


class TaskList(LongList):
    """Looks up what is shown of other tables for the rows of one page, all at once."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        ordering = super().get_ordering(request, queryset)
        # The index of priorities, read backwards.
        return ["-priority", "pk"] if ordering[0] == "-priority" else ordering

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        ids = [task.pk for task in self.result_list]
        spent = costs.of_tasks(ids)
        pending = PermissionRequest.objects.pending().filter(task_id__in=ids)
        waiting = set(pending.values_list("task_id", flat=True))
        ran = _last_runs(ids)
        for task in self.result_list:
            task.ran_on, task.ran_as = ran.get(task.pk, ("", ""))
            task.cost = spent.get(task.pk, costs.Cost())
            task.is_waiting = task.pk in waiting


def _last_runs(task_ids: list[UUID]) -> dict[UUID, tuple[str, str]]:
    """Return the runtime and profile of each task's last run."""
    runs = Run.objects.filter(task_id__in=task_ids).order_by("attempt")
    return {
        task_id: (runtime, profile)
        for task_id, runtime, profile in runs.values_list(
            "task_id", "runtime", "profile"
        )
    }


class WaitingFilter(admin.SimpleListFilter):
    title = "waiting for a decision"
    parameter_name = "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Waiting for you")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() != "yes":
            return queryset
        return queryset.waiting_for_decision()


class PriorityFilter(admin.SimpleListFilter):
    title = "priority"
    parameter_name = "priority"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(number), f"P{number}") for number in range(4)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(priority=value) if value in set("0123") else queryset


class AgentFilter(RuntimeFilter):
    parameter_name = "assigned_agent"


class AgentProfileFilter(ProfileFilter):
    parameter_name = "agent_profile"
