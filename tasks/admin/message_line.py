"""The line under a task's log, by which a person talks to its agent."""

from uuid import UUID

from django.contrib import messages as notes
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from ledger.budgets import BudgetExceeded
from tasks.admin.auditing import recorded
from tasks.admin.task_views import TaskPages
from tasks.exceptions import Refused
from tasks.lifecycle import messages
from tasks.models import Run, Task, Worker

SCRIPT = "fetch"  # what tell.js calls itself, to get JSON instead of a page


class MessageLineAdmin(TaskPages):
    """The pages of tasks, with the view behind the line."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.tell_view))
        line = path("<uuid:task_id>/tell/", view, name="tasks_task_tell")
        return [line, *super().get_urls()]

    def tell_view(self, request: HttpRequest, task_id: UUID) -> HttpResponse:
        """Send what was typed; without the script, come back to the page."""
        task = self._task(task_id)
        if not self.has_change_permission(request, task):
            raise PermissionDenied
        text = request.POST.get("text", "").replace("\x00", "")
        run, refusal = _send(request, task, text)
        if request.headers.get("X-Requested-With") == SCRIPT:
            status = 400 if refusal else 200
            told = {"error": refusal, "followUp": run is not None}
            return JsonResponse(told, status=status)
        if refusal:
            self.message_user(request, refusal, notes.ERROR)
        elif run and (absence := Worker.objects.absence()):
            self.message_user(request, absence, notes.WARNING)
        return HttpResponseRedirect(reverse("admin:tasks_task_log", args=[task.pk]))


def _send(request: HttpRequest, task: Task, text: str) -> tuple[Run | None, str]:
    """Return the run that the message started, if any, or why it was not sent."""
    if not text.strip():
        return None, "There is nothing in the message."
    if len(text.encode("utf-16-le")) // 2 > messages.MAX_TEXT:
        return None, f"A message has at most {messages.MAX_TEXT:,} characters."
    try:
        with recorded(request, "message", task, after={"text": text}):
            _, run = messages.send(task, text, by=request.user.get_username())
    except Refused as error:
        return None, error.explain_in_admin()
    except BudgetExceeded as error:
        return None, str(error)
    return run, ""
