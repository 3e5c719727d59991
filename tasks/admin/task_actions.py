"""What the list of tasks does with those that are selected, or with all that match."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from ledger.admin.long_lists import LongListAdmin
from tasks import audit
from tasks.access.author import author_of_page
from tasks.admin import verbs
from tasks.models import AuditEntry, Task


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
        with transaction.atomic():
            tasks = list(queryset.select_for_update(of=("self",)))
            author, after = author_of_page(request), {"priority": priority}
            AuditEntry.objects.insert(
                *(
                    audit.make_entry(
                        *(author, "change", task),
                        before={"priority": task.priority},
                        after=after,
                    )
                    for task in tasks
                )
            )
            changed = Task.objects.filter(pk__in=[task.pk for task in tasks]).update(
                priority=priority, updated_at=timezone.now()
            )
        text = f"P{priority} for {changed} task{'' if changed == 1 else 's'}."
        model_admin.message_user(request, text, messages.SUCCESS)

    set_priority.__name__ = f"set_priority_{priority}"
    return set_priority


VERBS = ("execute", "resume", "run_again", "cancel")
PRIORITIES = range(4)


class MatchingAdmin(LongListAdmin):
    """A list whose actions are for all that match as well: in steps, for each takes its time."""

    most_matching = 500  # at once

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Perform an action; where all that match are meant, on those that it can be done to."""
        if request.POST.get("select_across") != "1":
            return super().response_action(request, queryset, *args, **kwargs)
        action = request.POST.get("action", "")
        verb = verbs.VERBS.get(action.removesuffix("_selected"))
        if verb is None and action not in {f"set_priority_{n}" for n in PRIORITIES}:
            told = "That is done to what is selected on a page, not to all that match."
            self.message_user(request, told, messages.ERROR)
            return None
        if verb:
            queryset = queryset.filter(status__in=verb.statuses)
        else:
            queryset = queryset.exclude(priority=int(action[-1]))
        ids = list(queryset.values_list("pk", flat=True)[: self.most_matching + 1])
        if len(ids) > self.most_matching:
            told = (
                f"These are the first {self.most_matching}: do it again for the next."
            )
            self.message_user(request, told, messages.WARNING)
        elif not ids:
            self.message_user(request, "There is none that it can be done to.")
            return None
        first = self.model._default_manager.filter(pk__in=ids[: self.most_matching])
        return super().response_action(request, first, *args, **kwargs)
