"""Tasks: to be watched, edited, started and stopped."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from ledger.admin.long_lists import LongListAdmin
from tasks import lifecycle
from tasks.access import rights
from tasks.admin import display, task_page, verbs
from tasks.admin.base import ProjectFilter, profile_name, runtime_title
from tasks.admin.task_form import TaskForm
from tasks.admin.task_list import (
    AgentFilter,
    AgentProfileFilter,
    PriorityFilter,
    TaskList,
    WaitingFilter,
)
from tasks.models import Status, Task, Worker


def _action(name: str) -> Callable[..., None]:
    """Make the list's action that performs a verb on each selected task."""
    verb = verbs.VERBS[name]

    @admin.action(description=f"{verb.title} selected tasks", permissions=["change"])
    def perform(
        model_admin: Any, request: HttpRequest, queryset: QuerySet[Task]
    ) -> None:
        model_admin.perform_on(request, queryset, verb)

    perform.__name__ = f"{name}_selected"
    return perform


@admin.register(Task)
class TaskAdmin(LongListAdmin):
    form = TaskForm
    sortable_by: ClassVar[Any] = ("rank", "updated")  # which have an index
    indexed_filters = frozenset(
        {"status__exact", "project__id__exact", "priority", "waiting"}
    )
    narrow_filters = frozenset(
        {"workflow__id__exact", "workflow_run", "schedule__id__exact"}
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
        "project",
        "agent",
        "cost",
        "updated",
    )
    list_filter = (
        "status",
        WaitingFilter,
        PriorityFilter,
        ProjectFilter,
        AgentFilter,
        AgentProfileFilter,
    )
    list_select_related = ("project",)
    search_fields = ("title", "description")
    search_help_text = "A part of the title or description, or a whole id"
    actions = tuple(
        _action(name) for name in ("execute", "resume", "run_again", "cancel")
    )
    autocomplete_fields = ("project", "documents")
    change_form_outer_before_template: Any = "tasks/task_before.html"
    change_form_outer_after_template: Any = "tasks/task_after.html"
    fieldsets = (
        (None, {"fields": ("title", "description", "priority", "project")}),
        (
            "Agent and limits",
            {
                "fields": (
                    "assigned_agent",
                    "agent_profile",
                    "documents",
                    "max_turns",
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
            display.page_of(task),
            display.label("Waiting for you", "warning"),
        )

    @admin.display(description="Priority", ordering="priority")
    def rank(self, task: Task) -> str:
        return f"P{task.priority}"

    @admin.display(description="Agent", ordering="assigned_agent")
    def agent(self, task: Any) -> str:
        """Show the runtime and, below it, the profile: what ran, else what is to run."""
        return format_html(
            '{}<br><span class="st-quiet">{}</span>',
            runtime_title(task.ran_on or task.assigned_agent),
            profile_name(task.ran_as or task.agent_profile),
        )

    @admin.display(description="Cost")
    def cost(self, task: Any) -> str:
        return str(task.cost)

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
            reason = verbs.refusal(verb, task, by=request.user.get_username())
            if reason is None:
                done += 1
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

    @admin.display(description="Budget (USD)")
    def max_budget_usd(self, task: Task) -> str:
        """Show the budget to who may not edit it."""
        return display.money(task.budget_microdollars)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Fold away what is no longer to be decided."""
        if obj is None or obj.status == Status.PLANNED:
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
            context |= task_page.sections(task, may_change=may_change)
            context |= task_page.log(task)
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: Any, form: Any, change: bool
    ) -> None:
        if not change:
            obj.created_by = request.user.get_username()
            obj.save(force_insert=True)
        elif form.changed_data:
            obj.save(update_fields={*form.changed_columns(), "updated_at"})

    def response_add(
        self, request: HttpRequest, obj: Task, post_url_continue: str | None = None
    ) -> HttpResponse:
        if "_execute" in request.POST:
            return self._perform(request, obj, verbs.VERBS["execute"])
        return super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: Task) -> HttpResponse:
        if "_execute" in request.POST:
            return self._perform(request, obj, verbs.VERBS["execute"])
        return super().response_change(request, obj)

    def _perform(
        self, request: HttpRequest, task: Task, verb: verbs.Verb
    ) -> HttpResponseRedirect:
        if not self.has_change_permission(request, task):
            raise PermissionDenied
        reason = verbs.refusal(verb, task, by=request.user.get_username())
        if reason is None:
            self.message_user(request, f"{verb.done}: {task}.", messages.SUCCESS)
            if verb.name in verbs.STARTING and (absence := Worker.objects.absence()):
                self.message_user(request, absence, messages.WARNING)
        else:
            self.message_user(request, reason, messages.ERROR)
        return HttpResponseRedirect(display.page_of(task))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "<uuid:task_id>/do/<str:name>/",
                view(require_POST(self.do_view)),
                name="tasks_task_do",
            ),
            path(
                "<uuid:task_id>/sections/",
                view(self.sections_view),
                name="tasks_task_sections",
            ),
            *super().get_urls(),
        ]

    def do_view(
        self, request: HttpRequest, task_id: UUID, name: str
    ) -> HttpResponseBase:
        if name not in verbs.VERBS:
            raise Http404
        return self._perform(request, self._task(task_id), verbs.VERBS[name])

    def sections_view(self, request: HttpRequest, task_id: UUID) -> HttpResponse:
        """Render what changes while the task goes on, for the page's script."""
        task = self._task(task_id)
        if not self.has_view_permission(request, task):
            raise PermissionDenied
        may_change = self.has_change_permission(request, task)
        context = task_page.sections(task, may_change=may_change)
        return render(request, "tasks/sections.html", context)

    def _task(self, task_id: UUID) -> Task:
        task = Task.objects.select_related("project", "workflow", "schedule").filter(
            pk=task_id
        )
        if (found := task.first()) is None:
            raise Http404("Task not found")
        return found

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
