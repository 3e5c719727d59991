"""Rows that wait for what does not come: each is taken up by a worker where one is at work."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils import timezone

from agents.doctor.finding import Finding, State, report_ok
from ledger.models import OpenRequest, Reservation
from tasks.models import Leftover, Run, Task, Worker, WorkflowRun

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SHOWN = 3
WORKERS_LOG = "Look into the workers' logs for what they fail at, and restart them."


def look_at_rows() -> Iterator[Finding]:
    count = Worker.objects.at_work().count()
    if count:
        yield report_ok("workers", f"{count} at work")
    else:
        cure = "Start one: `manage.py runagents`, or `manage.py serve`."
        yield Finding("workers", State.FAILING, "none is at work", cure)
    found = False
    for message, rows, cure in _list_stuck_rows():
        if number := rows.count():
            found = True
            ids = ", ".join(str(pk) for pk in rows.values_list("pk", flat=True)[:SHOWN])
            yield Finding("rows", State.FAILING, f"{number} {message} ({ids})", cure)
    if not found:
        yield report_ok("rows", "none is stuck")


def _list_stuck_rows() -> Iterator[tuple[str, Any, str]]:
    now = timezone.now()
    live = Run.objects.live()
    yield (
        "runs whose worker is gone, which nobody takes up",
        Run.objects.expired().filter(lease_expires_at__lt=now - 5 * MINUTE),
        WORKERS_LOG,
    )
    yield (
        "runs that wait for more than an hour",
        Run.objects.due().filter(queued_at__lt=now - 60 * MINUTE),
        "Raise STAGENT_WORKER_CONCURRENCY or STAGENT_AGENT_PROCESSES, or start more workers.",
    )
    yield (
        "running tasks whose run is over",
        Task.objects.filter(status="running", live_run__isnull=False).exclude(
            Exists(live.filter(pk=OuterRef("live_run")))
        ),
        "Cancel each with `manage.py cancel ID`, then `manage.py execute ID`.",
    )
    yield (
        "workflow runs that are due and that nobody advances",
        WorkflowRun.objects.due().filter(due_at__lt=now - 5 * MINUTE),
        WORKERS_LOG,
    )
    yield (
        "reservations of a budget without a live run",
        Reservation.objects.filter(reserved_at__lt=now - 5 * MINUTE).exclude(
            Exists(live.filter(task_id=OuterRef("task_id")))
        ),
        "Delete them in the admin, under Reservations: nothing spends from them.",
    )
    yield (
        "requests to providers that are open without a live run",
        OpenRequest.objects.filter(began_at__lt=now - 60 * MINUTE).exclude(
            Exists(live.filter(pk=OuterRef("run_id")))
        ),
        WORKERS_LOG,
    )
    yield (
        "folders of deleted tasks that cannot be removed",
        Leftover.objects.filter(due_at__lt=now - DAY),
        "Look who owns them, in STAGENT_HOME/workspaces.",
    )
