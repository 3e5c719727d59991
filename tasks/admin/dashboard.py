"""The first page: what waits for a person, what goes on, what it costs."""

from typing import Any

from django.db.models import Count
from django.http import HttpRequest
from django.utils import timezone

from ledger.models import DailySpend, Period
from tasks.admin import display
from tasks.models import PermissionRequest, Schedule, Status, Task

SHOWN = 8


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what `templates/admin/index.html` shows to who may see it."""
    may = request.user.has_perm
    context["title"] = "Overview"
    context["may_see_tasks"] = may("tasks.view_task")
    if may("tasks.view_task"):
        context |= _tasks()
    if may("tasks.view_permissionrequest"):
        context |= _requests()
    if may("ledger.view_ledgerentry"):
        context["spent"] = _spent()
    if may("tasks.view_schedule"):
        context["due_next"] = _due_next()
    return context


def _due_next() -> list[dict[str, str]]:
    planned = Schedule.objects.filter(next_fire_at__isnull=False)
    return [
        {
            "link": display.link(schedule),
            "interval": schedule.interval,
            "due": display.ago(schedule.next_fire_at),
        }
        for schedule in planned.order_by("next_fire_at")[:SHOWN]
    ]


def _tasks() -> dict[str, Any]:
    # Of what is going on only: finished tasks pile up, and nobody asks for their number.
    counted = Task.objects.filter(status__in=[Status.RUNNING, Status.QUEUED])
    numbers = dict(counted.order_by().values_list("status").annotate(Count("pk")))
    newest = Task.objects.select_related("project").order_by("-pk")[:SHOWN]
    return {
        "counts": [
            (status.label, numbers.get(status, 0), status.value)
            for status in (Status.RUNNING, Status.QUEUED)
        ],
        "newest": [
            {
                "link": display.link(task),
                "state": display.state(task.status, task.get_status_display()),
                "project": task.project or "",
                "created": display.ago(task.created_at),
            }
            for task in newest
        ],
    }


def _requests() -> dict[str, Any]:
    pending = PermissionRequest.objects.pending()
    oldest = pending.select_related("task").order_by("created_at")[:SHOWN]
    return {
        "waiting": pending.count(),
        "requests": [
            {
                "message": display.link(asked, display.shortened(asked.message)),
                "task": display.link(asked.task),
                "since": display.ago(asked.created_at),
            }
            for asked in oldest
        ],
    }


def _spent() -> list[tuple[str, str]]:
    now = timezone.now()
    words = {Period.DAILY: "today (UTC)", Period.MONTHLY: "this month"}
    return [
        (words[period], display.money(DailySpend.objects.overall(period, now=now)))
        for period in Period
    ]
