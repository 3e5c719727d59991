"""Workflows: to be drawn, watched, edited and steered."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from tasks import assist, catalog
from tasks.access import rights
from tasks.admin import display, workflow_page
from tasks.admin.auditing import recorded
from tasks.admin.base import ProjectFilter, is_embedded
from tasks.admin.material import HasTasksAdmin
from tasks.admin.workflow_form import WorkflowForm, find_problems
from tasks.exceptions import Conflict
from tasks.models import Workflow
from tasks.workflows import control
from tasks.workflows.definition import InvalidDefinition
from tasks.workflows.start import start


@admin.register(Workflow)
class WorkflowAdmin(HasTasksAdmin):
    """Workflows: the form, the graph and the verbs."""

    form = WorkflowForm
    task_column = "workflow"
    adds_when_empty = True
    empty_text = (
        "A workflow is several tasks that are steps towards one thing: one after another,"
        " side by side, again and again, or after your approval."
    )
    list_display = ("name", "state", "project", "run_number", "tasks", "created")
    list_filter = ("status", ProjectFilter)
    list_select_related = ("project",)
    autocomplete_fields = ("project",)
    fields = ("name", "project", "definition")
    change_form_outer_before_template: Any = "tasks/workflow_before.html"
    change_form_outer_after_template: Any = "tasks/workflow_after.html"

    @admin.display(description="Status", ordering="status")
    def state(self, workflow: Workflow) -> str:
        return display.state(workflow.status, workflow.get_status_display())

    # --- One workflow -------------------------------------------------------------------

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        workflow = kwargs.get("obj")
        if workflow is not None:
            may_change = self.has_change_permission(request, workflow)
            context |= workflow_page.sections(workflow, may_change=may_change)
        else:
            context["may_suggest"] = all(
                rights.may(request.user, right)
                for right in (rights.ADD_TASK, rights.CHANGE_TASK)
            )
            context["suggests_nonsense"] = is_embedded(catalog.default_runtime())
        may_save = self.has_add_permission(request) if workflow is None else may_change
        context["show_execute"] = may_save and not (workflow and workflow.is_in_hand)
        context["show_save_and_continue"] = context["show_save_and_add_another"] = False
        return super().render_change_form(request, context, *args, **kwargs)

    def response_add(
        self, request: HttpRequest, obj: Workflow, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go on to its page, which executes and watches it."""
        return self._go_on(request, obj) or super().response_add(request, obj)

    def response_change(self, request: HttpRequest, obj: Workflow) -> HttpResponse:
        return self._go_on(request, obj) or super().response_change(request, obj)

    def _go_on(self, request: HttpRequest, workflow: Workflow) -> HttpResponse | None:
        if "_execute" in request.POST:
            return self._perform(request, workflow, "execute")
        if "_popup" in request.POST:
            return None  # the form that opened it takes it
        self.message_user(request, f"Saved: {workflow}.", messages.SUCCESS)
        return HttpResponseRedirect(display.find_page(workflow))

    def save_model(
        self, request: HttpRequest, obj: Any, form: Any, change: bool
    ) -> None:
        if not change:
            obj.created_by = request.user.get_username()
            obj.assist = assist.find(request.POST.get("assist", ""))
            obj.save(force_insert=True)
        elif form.changed_data:
            obj.status = Workflow.Status.DRAFT
            columns = {*form.changed_data, "status", "updated_at"}
            obj.save(update_fields=columns)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "validate/",
                view(require_POST(self.validate_view)),
                name="tasks_workflow_validate",
            ),
            path(
                "<uuid:workflow_id>/do/<str:name>/",
                view(require_POST(self.do_view)),
                name="tasks_workflow_do",
            ),
            path(
                "<uuid:workflow_id>/retry/",
                view(require_POST(self.retry_view)),
                name="tasks_workflow_retry",
            ),
            path(
                "<uuid:workflow_id>/sections/",
                view(self.sections_view),
                name="tasks_workflow_sections",
            ),
            *super().get_urls(),
        ]

    def validate_view(self, request: HttpRequest) -> HttpResponse:
        """Say what is wrong with what is being written, and draw it if nothing is."""
        if not (
            self.has_add_permission(request) or self.has_change_permission(request)
        ):
            raise PermissionDenied
        text = request.POST.get("definition", "")
        problems = find_problems(text)
        graph = "" if problems else workflow_page.preview(text)
        return JsonResponse({"problems": problems, "graph": graph})

    def do_view(
        self, request: HttpRequest, workflow_id: UUID, name: str
    ) -> HttpResponse:
        if name not in workflow_page.ACTIONS:
            raise Http404
        workflow = self._workflow(request, workflow_id)
        return self._perform(request, workflow, name)

    def retry_view(self, request: HttpRequest, workflow_id: UUID) -> HttpResponse:
        workflow = self._workflow(request, workflow_id)
        return self._perform(
            request, workflow, "retry", step_id=request.POST.get("step", "")
        )

    def _perform(
        self, request: HttpRequest, workflow: Workflow, name: str, *, step_id: str = ""
    ) -> HttpResponse:
        by = request.user.get_username()
        try:
            after = {"step": step_id} if step_id else None
            with recorded(request, name, workflow, after=after):
                match name:
                    case "execute":
                        start(workflow, by=by)
                    case "retry":
                        control.retry(workflow, step_id, by=by)
                    case _:
                        getattr(control, name)(workflow, by=by)
        except (Conflict, InvalidDefinition, control.UnknownStep) as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, _DONE[name], messages.SUCCESS)
        return HttpResponseRedirect(display.find_page(workflow))

    def _workflow(
        self, request: HttpRequest, workflow_id: UUID, *, to_change: bool = True
    ) -> Workflow:
        workflow = Workflow.objects.filter(pk=workflow_id).first()
        if workflow is None:
            raise Http404("Workflow not found")
        may = self.has_change_permission if to_change else self.has_view_permission
        if not may(request, workflow):
            raise PermissionDenied
        return workflow

    def sections_view(self, request: HttpRequest, workflow_id: UUID) -> HttpResponse:
        """Render what changes while the workflow goes on, for the page's script."""
        workflow = self._workflow(request, workflow_id, to_change=False)
        may_change = self.has_change_permission(request, workflow)
        context = workflow_page.sections(workflow, may_change=may_change)
        return render(request, "tasks/workflow_sections.html", context)

    # --- Deleting -----------------------------------------------------------------------

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_active = obj is not None and obj.status == Workflow.Status.ACTIVE
        return not is_active and super().has_delete_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: Workflow) -> None:
        control.delete(obj, by=request.user.get_username())

    def delete_queryset(
        self, request: HttpRequest, queryset: QuerySet[Workflow]
    ) -> None:
        for workflow in queryset:
            try:
                self.delete_model(request, workflow)
            except Conflict as error:
                self.message_user(request, f"{workflow}: {error}", messages.WARNING)


_DONE = {
    "execute": "Started.",
    "resume": "Goes on.",
    "pause": "Paused: no further step starts, those that run go on to their end.",
    "stop": "Stopped; what runs of it is cancelled.",
    "retry": "The step is tried again.",
}
