"""What the list of tasks is filtered by. Its page shows all of it above the list."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from ledger.admin.long_lists import IndexedValuesFilter
from ledger.models import TaskTotal
from tasks.admin.base import ProfileFilter, ProjectFilter, RuntimeFilter, TypedFilter
from tasks.admin.task_chips import CHIPS
from tasks.models import Project, TaskTag
from tasks.models.ids import first_id_at


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
        value = self.value() or "-"
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


class CreatorFilter(TypedFilter):
    """Tasks by who created them."""

    title = "created by"
    parameter_name = "created_by"


class CostFilter(TypedFilter):
    """Tasks that have cost so many dollars or more."""

    title = "cost"
    parameter_name = "cost"

    def __init__(
        self, request: HttpRequest, params: Any, model: Any, model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        # Else PostgreSQL reads what all tasks have cost.
        is_limited = self.value() and model_admin.looks_at_newest(request)
        self._floor = model_admin.find_floor(request) if is_limited else None

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        try:
            least = int(Decimal(self.value() or "").scaleb(6))
        except (InvalidOperation, ValueError, OverflowError):
            return queryset
        if not 0 <= least < 2**63:
            return queryset
        spent = TaskTotal.objects.filter(spent_microdollars__gte=least)
        if self._floor is not None:
            spent = spent.filter(task_id__gt=self._floor)
        return queryset.filter(Exists(spent.filter(task_id=OuterRef("pk"))))


class CreatedFromFilter(TypedFilter):
    """Tasks of a day (UTC) and later, by their ids, which tell the time."""

    title = "created from"
    parameter_name = "created_from"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        day = _read_day(self.value())
        return queryset.filter(pk__gte=first_id_at(day)) if day else queryset


class CreatedToFilter(TypedFilter):
    """Tasks of a day (UTC) and earlier."""

    title = "created to"
    parameter_name = "created_to"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        day = _read_day(self.value())
        if day is None:
            return queryset
        return queryset.filter(pk__lt=first_id_at(day + timedelta(days=1)))


def _read_day(text: str | None) -> datetime | None:
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    # Before and after, no id tells the time.
    return datetime.combine(day, time(), UTC) if 1970 <= day.year < 3000 else None


FILTERS = (
    "status",
    WaitingFilter,
    PriorityFilter,
    ProjectFilter,
    AgentFilter,
    AgentProfileFilter,
    TagFilter,
    CreatorFilter,
    CostFilter,
    CreatedFromFilter,
    CreatedToFilter,
    *CHIPS,
)
_CREATED: tuple[Any, ...] = (CreatedFromFilter, CreatedToFilter)
# Of the fields above the list: those with choices, and those that are typed into.
CHOSEN: tuple[tuple[str, Any], ...] = (
    ("Project", ProjectFilter),
    ("Runtime", AgentFilter),
    ("Profile", AgentProfileFilter),
    ("Tag", TagFilter),
    ("Priority", PriorityFilter),
)
TYPED = (
    ("created_by", "Created by", "text"),
    ("cost", "Cost from $", "number"),
    ("created_from", "From (UTC)", "date"),
    ("created_to", "To", "date"),
)


def filter_created(
    request: HttpRequest, tasks: QuerySet[Any], model_admin: Any
) -> QuerySet[Any]:
    """Leave the tasks that were created in the days that are asked for."""
    for kind in _CREATED:
        one = kind(
            request, {**dict(request.GET.lists())}, model_admin.model, model_admin
        )
        tasks = one.queryset(request, tasks)
    return tasks


def list_fields(
    request: HttpRequest, specs: list[Any]
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Return the fields above the list, with what each is set to."""
    by_kind = {type(spec): spec for spec in specs}
    selects = []
    for title, kind in CHOSEN:
        if (spec := by_kind.get(kind)) is None:
            continue
        value = spec.value() or ""
        options = [(str(one), name) for one, name in spec.lookup_choices]
        if value and value not in dict(options):
            options.insert(0, (value, _name_of(kind, value)))
        selects.append(
            {
                "title": title,
                "name": spec.parameter_name,
                "options": [(one, name, one == value) for one, name in options],
            }
        )
    inputs = [
        {"title": title, "name": name, "type": kind, "value": request.GET.get(name, "")}
        for name, title, kind in TYPED
    ]
    return selects, inputs


def _name_of(kind: Callable[..., Any], value: str) -> str:
    """Return the name of a choice that is not among the newest."""
    if kind is not ProjectFilter:
        return value
    return (
        Project.objects.filter(pk=value).values_list("name", flat=True).first() or value
    )
