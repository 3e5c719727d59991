"""Filters of the list of tasks that other pages lead to; each is shown as a chip, to be taken off."""

from abc import ABC, abstractmethod
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from ledger.admin.long_lists import parse_uuid
from tasks.admin.base import TypedFilter
from tasks.models import Run, Schedule, Workflow, WorkflowRun


class ChipFilter(TypedFilter, ABC):
    """A filter that is named in a chip."""

    column: str

    def name(self) -> str:
        """Say what the tasks are of."""
        found = parse_uuid(self.value() or "")
        return (self.name_of(found) if found else None) or "Nothing that is there"

    @abstractmethod
    def name_of(self, wanted: UUID) -> str | None:
        """Return what people call it; None where it is gone."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        wanted = parse_uuid(self.value() or "")
        return queryset.filter(**{self.column: wanted}) if wanted else queryset.none()


class WorkflowFilter(ChipFilter):
    """The tasks of all runs of a workflow."""

    title = "workflow"
    parameter_name = "workflow__id__exact"
    column = "workflow"

    def name_of(self, wanted: UUID) -> str | None:
        return Workflow.objects.filter(pk=wanted).values_list("name", flat=True).first()


class WorkflowRunFilter(ChipFilter):
    """The tasks of one run of a workflow."""

    title = "run of a workflow"
    parameter_name = "workflow_run"
    column = "workflow_run"

    def name_of(self, wanted: UUID) -> str | None:
        run = WorkflowRun.objects.filter(pk=wanted).first()
        return f"Run {run.number} of {run.workflow_name}" if run else None


class ScheduleFilter(ChipFilter):
    """The tasks that a schedule started."""

    title = "schedule"
    parameter_name = "schedule__id__exact"
    column = "schedule"

    def name_of(self, wanted: UUID) -> str | None:
        return Schedule.objects.filter(pk=wanted).values_list("name", flat=True).first()


class FailedLatelyFilter(TypedFilter):
    """The tasks that failed within a day, as the overview counts them."""

    title = "failed lately"
    parameter_name = "failed"
    DAY = "24h"

    def name(self) -> str:
        return "Failed in 24 h"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() != self.DAY:
            return queryset
        lately = Run.objects.failed_for_good().filter(
            finished_at__gte=timezone.now() - timedelta(days=1)
        )
        return queryset.filter(pk__in=lately.values("task_id"))


CHIPS: tuple[Any, ...] = (
    WorkflowFilter,
    WorkflowRunFilter,
    ScheduleFilter,
    FailedLatelyFilter,
)


def list_chips(request: HttpRequest, specs: list[Any]) -> list[dict[str, str]]:
    """Return the chips of the filters that are set: each with the address without it."""
    chips = []
    for spec in specs:
        if isinstance(spec, CHIPS) and spec.value():
            rest = request.GET.copy()
            for name in (spec.parameter_name, "p"):
                rest.pop(name, None)
            chips.append(
                {
                    "name": spec.name(),
                    "parameter": spec.parameter_name,
                    "url": f"?{rest.urlencode()}",
                }
            )
    return chips
