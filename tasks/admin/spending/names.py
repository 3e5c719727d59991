"""The names of what costs are counted by, for people."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.urls import reverse

from ledger.usage import DAY, TASK
from tasks.admin.base import profile_name, runtime_title
from tasks.models import Project, Task

_OF_NONE = {
    "project": "No project",
    "profile": "Unknown profile",
    "creator": "Unknown person",
}


def find_names(dimension: str, values: Collection[Any]) -> dict[Any, str]:
    """Return the name of each value, in at most one query."""
    known = {value: value for value in values if value}
    match dimension:
        case "project":
            found = Project.objects.filter(pk__in=list(known))
            known |= dict(found.values_list("pk", "name"))
        case "task":
            titles = Task.objects.filter(pk__in=list(known))
            found_titles = dict(titles.values_list("pk", "title"))
            known = {
                pk: found_titles.get(pk, f"Deleted task {str(pk)[:13]}…")
                for pk in known
            }
        case "runtime":
            known = {value: runtime_title(value) for value in known}
        case "profile":
            known = {value: profile_name(value) for value in known}
    nameless = _OF_NONE.get(dimension, "Unknown")
    return {value: str(known.get(value, nameless)) for value in values}


def find_page(dimension: str, value: Any, name: str) -> str:
    """Return the address of what a row is of; "" if it has no page."""
    if dimension == TASK and isinstance(value, UUID) and not name.startswith("Deleted"):
        return reverse("admin:tasks_task_change", args=[value])
    return ""


def is_chosen_by(dimension: str) -> bool:
    """Tell whether a row of this table can become a filter."""
    return dimension not in {TASK, DAY}
