"""The first page, and its parts again for the script that keeps them fresh."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from tasks.admin.overview import lists, plots, tiles
from tasks.admin.spending import budgets


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what `templates/admin/index.html` shows to who may see it."""
    context["title"] = "Overview"
    context["may_see_tasks"] = request.user.has_perm("tasks.view_task")
    if context["may_see_tasks"]:
        context |= _parts(request)
    return context


def parts(request: HttpRequest) -> HttpResponse:
    """Render the parts of the page, each of which is replaced where it has changed."""
    if not request.user.has_perm("tasks.view_task"):
        raise PermissionDenied
    return render(request, "admin/overview_parts.html", _parts(request))


def _parts(request: HttpRequest) -> dict[str, Any]:
    may, now = request.user.has_perm, timezone.now()
    by, ended = request.GET.get("by", ""), request.GET.get("ended", "")
    found: dict[str, Any] = {"newest": lists.newest()}
    shown = tiles.count_tasks()
    if may("tasks.view_permissionrequest"):
        shown.insert(0, tiles.count_waiting(now))
        found["requests"] = lists.list_waiting()
    if may("tasks.view_run"):
        shown.append(tiles.count_failed(now))
        found["failed"] = lists.list_failed()
        found |= plots.outcomes(ended, by, now)
    if may("ledger.view_ledgerentry"):
        shown.append(tiles.spent_today(now))
        active = budgets.active_budgets()
        found |= plots.cost_by_day(by, ended, active, now)
        found |= {"budgets": budgets.bars(active), "reserved": budgets.reserved()}
        found["dearest"] = plots.dearest(now)
    shown.append(tiles.workers())
    if may("tasks.view_schedule"):
        found["due_next"] = lists.due_next()
    if not found["newest"]:
        found["first_steps"] = lists.first_steps()
    return found | {"tiles": shown}
