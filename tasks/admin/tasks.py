"""Tasks: to be watched, edited, started and stopped."""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import FilteredRelation, Q, QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
)
from django.utils import timezone
from django.utils.html import format_html

from ledger.admin.long_lists import parse_uuid
from tasks import lifecycle
from tasks.access import rights
from tasks.admin import (
    display,
    task_tabs,
    verbs,
)
from tasks.admin.base import profile_name, runtime_title
from tasks.admin.message_line import MessageLineAdmin
from tasks.admin.task_actions import (
    PRIORITIES,
    VERBS,
    act_on_selected,
    prioritize,
)
from tasks.admin.task_filters import FILTERS, filter_created
from tasks.admin.task_form import TaskForm
from tasks.admin.task_list import TaskList
from tasks.models import Task, Worker
from tasks.models.ids import range_of_prefix
from tasks.models.tag import add_tags, replace_tags


@admin.register(Task)
class TaskAdmin(MessageLineAdmin):
    """Tasks: the list, the form to add one, and its pages."""

    form = TaskForm
    # Which have an index.
    sortable_by: ClassVar[Any] = ("rank", "took", "cost", "updated")
    indexed_filters = frozenset(
        {"status__exact", "project__id__exact", "priority", "waiting"}
        | {"assigned_agent", "agent_profile", "tag"}
    )
    narrow_filters = frozenset(
        {"workflow__id__exact", "workflow_run", "schedule__id__exact", "failed"}
    )
    adds_when_empty = True
    empty_text = (
        "A task is what you want done. Add one here, or over the REST API with"
        " POST /api/tasks."
    )
    list_display = (
        "title",
        "state",
        "rank",
        "project_and_creator",
        "agent",
        "reason",
        "took",
        "cost",
        "updated",
    )
    list_before_template: Any = "tasks/task_list_before.html"
    list_filter = FILTERS
    list_select_related = ("project",)
    search_fields = ("title", "description", "searched_runs__error")
    search_help_text = (
        "A part of the title, the description or a run's error, or an id's beginning"
    )
    actions = (*map(act_on_selected, VERBS), *map(prioritize, PRIORITIES))
    autocomplete_fields = ("project", "documents", "files_from")
    change_form_outer_before_template: Any = "tasks/task_before.html"
    fieldsets = (
        (
            None,
            {"fields": ("title", "description", "priority", "project", "tag_names")},
        ),
        (
            "Agent and limits",
            {
                "fields": (
                    "assigned_agent",
                    "agent_profile",
                    "model",
                    "effort",
                    "documents",
                    "files_from",
                    "max_turns",
                    "timeout_minutes",
                    "output_schema",
                    "max_budget_usd",
                )
            },
        ),
    )

    # --- The list -------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return TaskList

    @admin.display(description="Status", ordering="status")
    def state(self, task: Any) -> str:
        state = display.state(task.status, task.get_status_display())
        if not task.is_waiting:
            return state
        return format_html(
            '{} <a href="{}#waiting">{}</a>',
            state,
            display.find_page(task),
            display.label("Waiting for you", "warning"),
        )

    @admin.display(description="P", ordering="priority")
    def rank(self, task: Task) -> str:
        return f"P{task.priority}"

    @admin.display(description="Project")
    def project_and_creator(self, task: Task) -> str:
        project = task.project.name if task.project else display.EMPTY
        if not task.created_by:
            return display.reveal(project)
        return format_html(
            '{}<br><span class="st-quiet">by {}</span>',
            display.reveal(project),
            display.reveal(task.created_by),
        )

    @admin.display(description="Agent", ordering="assigned_agent")
    def agent(self, task: Any) -> str:
        """Show the runtime and, below it, the profile: what ran, else what is to run."""
        return format_html(
            '{}<br><span class="st-quiet">{}</span>',
            runtime_title(task.ran_on or task.assigned_agent),
            profile_name(task.ran_as or task.agent_profile),
        )

    @admin.display(description="Why")
    def reason(self, task: Any) -> str:
        """Say why a task has failed or was cancelled."""
        is_told = task.status in {Task.Status.FAILED, Task.Status.CANCELLED}
        return display.shorten(task.reason, 120) if is_told else ""

    @admin.display(description="Took", ordering="took_milliseconds")
    def took(self, task: Any) -> str:
        """Show how long all its runs took, and how long the one that goes on takes by now."""
        length = timedelta(milliseconds=task.took_milliseconds or 0)
        if task.status == Task.Status.RUNNING and task.began_at:
            length += timezone.now() - task.began_at
        elif task.took_milliseconds is None:
            return display.EMPTY
        return display.length(length)

    @admin.display(description="Cost", ordering="spent")
    def cost(self, task: Any) -> str:
        cost = task.cost
        if not cost.requests:
            return display.EMPTY
        return display.amount(cost.microdollars, cost.unpriced)

    def looks_at_newest(self, request: HttpRequest) -> bool:
        """Tell so too of what is sorted and filtered at once: no index serves both."""
        if request.GET.get("status__exact") in {
            Task.Status.RUNNING,
            Task.Status.QUEUED,
        }:
            return False  # they are few
        is_both = bool(request.GET.get("o") and self.chosen_filters(request))
        is_narrow = bool(self.chosen_filters(request) & self.narrow_filters)
        return (is_both and not is_narrow) or super().looks_at_newest(request)

    def rows_to_look_at(self, request: HttpRequest) -> QuerySet[Any]:
        return filter_created(request, Task.objects.all(), self)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find tasks by the beginning of their id, too, as commands show it."""
        if (ends := range_of_prefix(search_term)) and not parse_uuid(search_term):
            return queryset.filter(pk__range=ends), False
        if not search_term or parse_uuid(search_term):
            return super().get_search_results(request, queryset, search_term)
        # Else PostgreSQL reads the runs of all tasks.
        floor = self.find_floor(request) if self.looks_at_newest(request) else None
        newest = Q(runs__task_id__gt=floor) if floor else Q()
        runs = FilteredRelation("runs", condition=newest)
        queryset = queryset.annotate(searched_runs=runs)
        found, _ = super().get_search_results(request, queryset, search_term)
        return found, True

    @admin.display(description="Updated", ordering="updated_at")
    def updated(self, task: Task) -> str:
        return display.ago(task.updated_at)

    def perform_on(
        self, request: HttpRequest, tasks: Iterable[Task], verb: verbs.Verb
    ) -> None:
        """Perform `verb` on each task, and say how often that succeeded and why not else."""
        refused: dict[str, list[str]] = {}
        done = 0
        for task in tasks:
            reason = verbs.perform_verb(request, verb, task)
            if reason is None:
                done += 1
                self.log_change(request, task, verb.done)
            else:
                refused.setdefault(reason, []).append(task.title)
        if done:
            count = done + sum(map(len, refused.values()))
            text = f"{verb.done}: {done} of {count} tasks."
            self.message_user(request, text, messages.SUCCESS)
            if verb.name in verbs.STARTING and (absence := Worker.objects.absence()):
                self.message_user(request, absence, messages.WARNING)
        for reason, titles in refused.items():
            self.message_user(
                request,
                f"{verb.title} was refused for {display.some(titles)}: {reason}",
                messages.WARNING,
            )

    # --- One task -------------------------------------------------------------------

    @admin.display(description="Tags")
    def tag_names(self, task: Task) -> str:
        """Show the tags to who may not edit them."""
        return ", ".join(json.loads(task.tags)) or display.EMPTY

    @admin.display(description="Budget (USD)")
    def max_budget_usd(self, task: Task) -> str:
        """Show the budget to who may not edit it."""
        return display.money(task.budget_microdollars)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Fold away what is no longer to be decided."""
        if obj is None or obj.status == Task.Status.PLANNED:
            return self.fieldsets
        first, *others = self.fieldsets
        return (
            first,
            *((name, {**how, "classes": ["collapse"]}) for name, how in others),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Let nobody give an agent what they may not see themselves."""
        may_see = rights.may(request.user, rights.VIEW_DOCUMENTS)
        return self.readonly_fields if may_see else ("documents",)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        task = kwargs.get("obj")
        may_change = self.has_change_permission(request, task)
        startable = task is None or task.status in verbs.VERBS["execute"].statuses
        context["show_execute"] = may_change and startable
        if task is not None:
            context |= self.frame(request, task, task_tabs.EDIT)
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: Any, form: Any, change: bool
    ) -> None:
        if not change:
            obj.created_by = request.user.get_username()
            obj.save(force_insert=True)
            add_tags(obj)
        elif form.changed_data:
            obj.save(update_fields={*form.changed_columns(), "updated_at"})
            if "tag_names" in form.changed_data:
                replace_tags(obj.pk, obj.tags)

    def response_add(
        self, request: HttpRequest, obj: Task, post_url_continue: str | None = None
    ) -> HttpResponse:
        if "_execute" in request.POST:
            return self.perform(request, obj, verbs.VERBS["execute"])
        return super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: Task) -> HttpResponse:
        if "_execute" in request.POST:
            return self.perform(request, obj, verbs.VERBS["execute"])
        return super().response_change(request, obj)

    def response_post_save_change(
        self, request: HttpRequest, obj: Task
    ) -> HttpResponseRedirect:
        return HttpResponseRedirect(display.find_page(obj))

    # --- Deleting -------------------------------------------------------------------

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name the tasks alone: their logs may be long, and go with them whoever asks."""
        tasks = list(objs)
        return [str(task) for task in tasks], {"tasks": len(tasks)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Task) -> None:
        lifecycle.delete(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        for task in queryset:
            lifecycle.delete(task)
