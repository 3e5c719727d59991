"""The tabs of a task's page. One more is one more line in `TABS`, and its template."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from tasks.admin import file_pages, log_page, task_history, task_messages
from tasks.models import Task

Fill = Callable[[HttpRequest, Task], dict[str, Any]]


def _nothing(request: HttpRequest, task: Task) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Tab:
    """A tab at `/admin/tasks/task/ID/NAME/`.

    `fill` gives what its template shows beside the page's own (`task_page.sections`);
    `right` is needed beside the right to view tasks.
    """

    name: str
    title: str
    template: str
    fill: Fill = _nothing
    right: str = ""


OVERVIEW = Tab("overview", "Overview", "tasks/tab_overview.html")
EDIT = Tab("edit", "Edit", "")  # Django's form
TABS = (
    OVERVIEW,
    Tab("files", "Files", "tasks/files.html", file_pages.fill),
    Tab("log", "Log", "tasks/log.html", log_page.fill),
    Tab("runs", "Runs", "tasks/section_runs.html"),
    Tab("cost", "Cost", "tasks/section_costs.html"),
    Tab("messages", "Messages", "tasks/tab_messages.html", task_messages.fill),
    Tab("history", "History", "tasks/tab_history.html", task_history.fill),
    EDIT,
)


def links(request: HttpRequest, task: Task, current: Tab) -> list[dict[str, Any]]:
    """Return the tabs that somebody may see, with their addresses."""
    return [
        {"title": tab.title, "url": address(tab, task), "is_current": tab == current}
        for tab in TABS
        if not tab.right or request.user.has_perm(tab.right)
    ]


def address(tab: Tab, task: Task) -> str:
    if tab == OVERVIEW:
        return reverse("admin:tasks_task_change", args=[task.pk])
    if tab.name == "history":
        return reverse("admin:tasks_task_history", args=[task.pk])
    return reverse(f"admin:tasks_task_{tab.name}", args=[task.pk])
