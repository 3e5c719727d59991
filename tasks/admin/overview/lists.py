"""The lists of the first page: what waits, what failed lately, what is due, what is new."""

from typing import Any
from uuid import UUID

from tasks import catalog
from tasks.admin import display
from tasks.admin.base import title_to_offer
from tasks.admin.checkpoints import name_request
from tasks.models import PermissionRequest, Run, Schedule, Task

SHOWN = 8
SHOWN_FAILED = 5
# Longer than this, what is asked is to be read whole before it is answered.
SHORT_ACTION = 200


def list_waiting() -> list[dict[str, Any]]:
    pending = PermissionRequest.objects.pending().select_related("task__workflow")
    return [
        {
            "request": asked,
            "message": display.shorten(asked.message)
            if asked.action not in asked.message
            else "",
            "action": ""
            if asked.is_checkpoint
            else display.shorten(asked.action, SHORT_ACTION),
            "name": name_request(asked) if asked.is_checkpoint else asked.action,
            "is_whole": len(asked.action) <= SHORT_ACTION and "\n" not in asked.action,
            "task": display.link(asked.task),
            "since": display.ago(asked.created_at),
        }
        for asked in pending.order_by("created_at", "pk")[:SHOWN]
    ]


def list_failed() -> list[dict[str, Any]]:
    """Return what failed last, with its reason; not what has been run again since."""
    runs = Run.objects.filter(status=Run.Status.FAILED, finished_at__isnull=False)
    last = runs.select_related("task").order_by("-finished_at")[: 3 * SHOWN]
    still = [run for run in last if run.task.status == Task.Status.FAILED]
    return [
        {
            "task": run.task,
            "link": display.link(run.task),
            "reason": display.shorten(run.error, 200),
            "when": display.ago(run.finished_at),
        }
        for run in _last_of_each_task(still)[:SHOWN_FAILED]
    ]


def _last_of_each_task(runs: list[Run]) -> list[Run]:
    """Leave out the earlier ones of a task; `runs` begins with the last."""
    seen: dict[UUID, Run] = {}
    for run in runs:
        seen.setdefault(run.task_id, run)
    return list(seen.values())


def due_next() -> list[dict[str, str]]:
    planned = Schedule.objects.filter(next_fire_at__isnull=False)
    return [
        {
            "link": display.link(schedule),
            "interval": schedule.interval,
            "due": display.ago(schedule.next_fire_at),
        }
        for schedule in planned.order_by("next_fire_at")[:SHOWN]
    ]


def newest() -> list[dict[str, Any]]:
    tasks = Task.objects.select_related("project").order_by("-pk")[:SHOWN]
    return [
        {
            "link": display.link(task),
            "state": display.state(task.status, task.get_status_display()),
            "project": task.project or "",
            "created": display.ago(task.created_at),
        }
        for task in tasks
    ]


def first_steps() -> list[tuple[bool, str]]:
    """Say what somebody does first on a new server: whether it is done, and how."""
    ready = [
        title_to_offer(facts)
        for facts in catalog.RUNTIMES.values()
        if facts.readiness().is_ready
    ]
    return [
        (
            bool(ready),
            f"Ready to run agents: {', '.join(ready)}."
            if ready
            else "No runtime is ready. `manage.py check --deploy` says what each lacks.",
        ),
        (False, "Add a task: what you want done, in a few sentences."),
        (False, "Execute it, watch its log, and answer what its agent asks."),
        (False, "Set a budget, so that no day costs more than you want."),
    ]
