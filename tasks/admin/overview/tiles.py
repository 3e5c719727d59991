"""The numbers at the top of the first page. Each leads to what it counts."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count
from django.urls import reverse

from ledger.models import Budget, DailySpend, Period, Scope
from tasks.admin import display
from tasks.models import PermissionRequest, Run, Task, Worker

WARNING, RED = "yes", "red"


@dataclass(frozen=True)
class Tile:
    """One number of the overview, and where it leads."""

    title: str
    number: str
    more: str
    link: str
    alert: str = ""
    percent: int | None = None  # of a limit, drawn as a bar


def count_waiting(now: datetime) -> Tile:
    """Count what waits for a person. Never many: each holds an agent up."""
    pending = PermissionRequest.objects.pending()
    number = pending.count()
    oldest = pending.order_by("created_at").values_list("created_at", flat=True).first()
    more = f"oldest {display.duration(oldest, now)}" if oldest else "nothing waits"
    return Tile(
        "Waiting for you",
        str(number),
        more,
        reverse("approvals"),
        WARNING * (number > 0),
    )


def count_tasks() -> list[Tile]:
    """Count what goes on. Finished tasks pile up, and nobody asks for their number."""
    going_on = Task.objects.filter(status__in=[Task.Status.RUNNING, Task.Status.QUEUED])
    numbers = dict(going_on.order_by().values_list("status").annotate(Count("pk")))
    tasks = reverse("admin:tasks_task_changelist")
    held_up = (
        Task.objects.filter(status=Task.Status.RUNNING).waiting_for_decision().count()
    )
    running, queued = (
        numbers.get(status, 0) for status in (Task.Status.RUNNING, Task.Status.QUEUED)
    )
    return [
        Tile(
            "Running",
            str(running),
            f"{held_up} of them wait for you" if held_up else "at work",
            f"{tasks}?status__exact=running",
        ),
        Tile("Queued", str(queued), "to be started", f"{tasks}?status__exact=queued"),
    ]


def count_failed(now: datetime) -> Tile:
    """Count the tasks of “Failed lately”. A run that another took up is no failure."""
    day = timedelta(days=1)
    tasks = Run.objects.failed_for_good().order_by().values("task_id").distinct()
    today = tasks.filter(finished_at__gte=now - day).count()
    before = tasks.filter(
        finished_at__gte=now - 2 * day, finished_at__lt=now - day
    ).count()
    return Tile(
        "Failed in 24 h",
        str(today),
        f"{before} in the 24 h before",
        f"{reverse('admin:tasks_task_changelist')}?status__exact=failed&failed=24h",
        WARNING * (today > before),
    )


def spent_today(now: datetime) -> Tile:
    spent = DailySpend.objects.overall(Period.DAILY, now=now)
    budget = Budget.objects.filter(
        scope=Scope.OVERALL, period=Period.DAILY, is_active=True
    ).first()
    limit = budget.limit_microdollars if budget else None
    percent = None if limit is None else min(100, 100 * spent // max(limit, 1))
    return Tile(
        "Spent today (UTC)",
        display.cents(spent),
        "no daily budget" if limit is None else f"of {display.cents(limit)}",
        f"{reverse('costs')}?period=1",
        RED if percent is not None and percent >= 90 else "",
        percent,
    )


def workers() -> Tile:
    at_work = list(Worker.objects.at_work().values_list("concurrency", flat=True)[:100])
    runs = reverse("admin:tasks_run_changelist")
    if not at_work:
        return Tile("Workers", "None", "start one: manage.py runagents", runs, RED)
    return Tile(
        "Workers", str(len(at_work)), f"for {sum(at_work):,} runs at once", runs
    )
