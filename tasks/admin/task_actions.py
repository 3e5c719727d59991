"""What the list of tasks does with those that are selected."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from tasks.admin import verbs
from tasks.models import Task


def act_on_selected(name: str) -> Callable[..., None]:
    """Make the list's action that performs a verb on each selected task."""
    verb = verbs.VERBS[name]

    @admin.action(description=f"{verb.title} selected tasks", permissions=["change"])
    def perform(
        model_admin: Any, request: HttpRequest, queryset: QuerySet[Task]
    ) -> None:
        model_admin.perform_on(request, queryset, verb)

    perform.__name__ = f"{name}_selected"
    return perform


def prioritize(priority: int) -> Callable[..., None]:
    """Make the list's action that sets the priority of the selected tasks."""

    @admin.action(description=f"Set priority P{priority}", permissions=["change"])
    def set_priority(
        model_admin: Any, request: HttpRequest, queryset: QuerySet[Task]
    ) -> None:
        ids = list(queryset.values_list("pk", flat=True))
        changed = Task.objects.filter(pk__in=ids).update(
            priority=priority, updated_at=timezone.now()
        )
        text = f"P{priority} for {changed} task{'' if changed == 1 else 's'}."
        model_admin.message_user(request, text, messages.SUCCESS)

    set_priority.__name__ = f"set_priority_{priority}"
    return set_priority
