"""The pages of one task beside its form: its tabs, its verbs, and what its script asks for."""

from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from ledger.admin.long_lists import parse_uuid
from tasks.admin import (
    display,
    file_pages,
    log_page,
    results,
    task_page,
    task_tabs,
    verbs,
)
from tasks.admin.task_actions import MatchingAdmin
from tasks.models import Task, Worker


class TaskPages(MatchingAdmin):
    """What the admin of tasks is made on."""

    def perform(
        self, request: HttpRequest, task: Task, verb: verbs.Verb
    ) -> HttpResponseRedirect:
        if not self.has_change_permission(request, task):
            raise PermissionDenied
        reason = verbs.perform_verb(request, verb, task)
        if reason is None:
            self.log_change(request, task, verb.done)
            self.message_user(request, f"{verb.done}: {task}.", messages.SUCCESS)
            if verb.name in verbs.STARTING and (absence := Worker.objects.absence()):
                self.message_user(request, absence, messages.WARNING)
        else:
            self.message_user(request, reason, messages.ERROR)
        if request.POST.get("next") == "overview":
            return HttpResponseRedirect(reverse("admin:index"))
        return HttpResponseRedirect(display.find_page(task))

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
            *(
                path(
                    f"<uuid:task_id>/{tab.name}/",
                    view(partial(self.tab_view, tab=tab)),
                    name=f"tasks_task_{tab.name}",
                )
                for tab in task_tabs.TABS
                if tab not in {task_tabs.OVERVIEW, task_tabs.EDIT}
            ),
            path(
                "<uuid:task_id>/result/",
                view(self.result_view),
                name="tasks_task_result",
            ),
            path("<uuid:task_id>/edit/", view(self.edit_view), name="tasks_task_edit"),
            *log_page.urls(self),
            *file_pages.urls(self),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the task; its form is behind the tab Edit, and in windows that ask for it."""
        task_id = parse_uuid(object_id)
        if request.method == "GET" and task_id and IS_POPUP_VAR not in request.GET:
            return self.tab_view(request, task_id, task_tabs.OVERVIEW)
        return super().change_view(request, object_id, form_url, extra_context)

    def result_view(self, request: HttpRequest, task_id: UUID) -> HttpResponse:
        """Send the result as it was written: to be read raw, copied, or kept as a file."""
        task = self._task(task_id)
        if not self.has_view_permission(request, task):
            raise PermissionDenied
        return results.as_text(task, is_file="file" in request.GET)

    def edit_view(self, request: HttpRequest, task_id: UUID) -> HttpResponse:
        return super().change_view(request, str(task_id))

    def tab_view(
        self, request: HttpRequest, task_id: UUID, tab: task_tabs.Tab
    ) -> HttpResponse:
        """Show the task with one of its tabs."""
        task = self._task(task_id)
        if not self.has_view_permission(request, task):
            raise PermissionDenied
        if tab.right and not request.user.has_perm(tab.right):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": str(task),
            "opts": self.opts,
            "original": task,
            **self.frame(request, task, tab),
            **tab.fill(request, task),
        }
        return render(request, "tasks/task_page.html", context)

    def frame(
        self, request: HttpRequest, task: Task, tab: task_tabs.Tab
    ) -> dict[str, Any]:
        """Return what all tabs show: the head, and what changes while the task goes on."""
        may_change = self.has_change_permission(request, task)
        return {
            **task_page.sections(task, may_change=may_change),
            "tab": tab,
            "tabs": task_tabs.links(request, task, tab),
            "live": task_page.live(task),
        }

    def do_view(
        self, request: HttpRequest, task_id: UUID, name: str
    ) -> HttpResponseBase:
        if name not in verbs.VERBS:
            raise Http404
        return self.perform(request, self._task(task_id), verbs.VERBS[name])

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
