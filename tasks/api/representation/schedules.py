"""Schedules and firings as the API shows them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from stagent.database.json_text import iso_text
from tasks.models import Firing, Schedule, Task
from tasks.schedules import heartbeat, plan

JSON = dict[str, Any]

MOST_FIRINGS = 50
NEXT_TIMES = 5


def represent_schedule(schedule: Schedule) -> JSON:
    """Return the row. Prefetch `documents` of several."""
    is_heartbeat = schedule.type == Schedule.Type.HEARTBEAT
    return {
        "id": str(schedule.pk),
        "name": schedule.name,
        "type": schedule.type,
        "status": schedule.status,
        "pauseReason": schedule.pause_reason or None,
        "prompt": schedule.prompt or None,
        "interval": schedule.interval or None,
        "cronExpression": schedule.cron_expression or None,
        "timezone": schedule.timezone,
        "workflowId": _id(schedule.workflow_id),
        "projectId": schedule.project_id,
        "assignedAgent": schedule.assigned_agent or None,
        "agentProfile": schedule.agent_profile or None,
        "documentIds": [document.pk for document in schedule.documents.all()],
        "overlap": schedule.overlap,
        "catchup": schedule.catchup,
        "recurs": schedule.recurs,
        "maxFirings": schedule.max_firings,
        "firingCount": schedule.firing_count,
        "failureStreak": schedule.failure_streak,
        "expiresAt": _time(schedule.expires_at),
        "lastFiredAt": _time(schedule.last_fired_at),
        "nextFireAt": _time(schedule.next_fire_at),
        "heartbeatChecklist": schedule.checklist if is_heartbeat else None,
        "activeHoursStart": schedule.active_hours_start,
        "activeHoursEnd": schedule.active_hours_end,
        "activeTimezone": schedule.active_timezone,
        "heartbeatBudgetPerDay": _dollars(schedule.heartbeat_budget_microdollars),
        "suppressionCount": schedule.suppression_count,
        "lastActionAt": _time(schedule.last_action_at),
        "createdAt": iso_text(schedule.created_at),
        "updatedAt": iso_text(schedule.updated_at),
    }


def represent_with_history(schedule: Schedule) -> JSON:
    # Selected with them: of a deleted task, that is None.
    firings = list(schedule.firings.select_related("task")[:MOST_FIRINGS])
    return {
        **represent_schedule(schedule),
        "nextFireTimes": [iso_text(moment) for moment in next_times(schedule)],
        "firings": [represent_firing(firing) for firing in firings],
        "firingHistory": [_represent_task(one.task) for one in firings if one.task],
    }


def next_times(schedule: Schedule, count: int = NEXT_TIMES) -> list[datetime]:
    """Return when it will fire if nobody changes it, the next time first."""
    if schedule.next_fire_at is None:
        return []
    first = schedule.next_fire_at
    rest = plan.next_fire_times(schedule, max(first, timezone.now()), count - 1)
    times = [first, *rest]
    if schedule.max_firings is not None:
        times = times[: max(0, schedule.max_firings - schedule.firing_count)]
    return times if schedule.recurs else times[:1]


def represent_firing(firing: Firing) -> JSON:
    return {
        "id": str(firing.pk),
        "number": firing.number,
        "status": firing.status,
        "reason": firing.reason or None,
        "isManual": firing.is_manual,
        "scheduledFor": iso_text(firing.scheduled_for),
        "taskId": _id(firing.task_id),
        "workflowRunId": _id(firing.workflow_run),
        "outcome": firing.outcome or None,
        "report": firing.report,
        "createdAt": iso_text(firing.created_at),
        "endedAt": _time(firing.ended_at),
    }


def heartbeat_history(schedule: Schedule) -> JSON:
    reported = schedule.firings.filter(report__isnull=False)[:MOST_FIRINGS]
    spent = heartbeat.spent_today(schedule, timezone.now())
    return {
        "history": [_heartbeat_event(firing) for firing in reported],
        "stats": {
            "suppressionCount": schedule.suppression_count,
            "lastActionAt": _time(schedule.last_action_at),
            "firingCount": schedule.firing_count,
            "heartbeatSpentToday": _dollars(spent),
            "heartbeatBudgetPerDay": _dollars(schedule.heartbeat_budget_microdollars),
        },
    }


def _heartbeat_event(firing: Firing) -> JSON:
    report = firing.report or {}
    is_action = report["action_needed"]
    return {
        "id": str(firing.pk),
        "taskId": _id(firing.task_id),
        "event": "heartbeat_action" if is_action else "heartbeat_suppressed",
        "payload": report,
        "timestamp": iso_text(firing.ended_at or firing.created_at),
    }


def _represent_task(task: Task) -> JSON:
    return {
        "id": str(task.pk),
        "title": task.title,
        "status": task.status,
        "result": task.result or None,
        "createdAt": iso_text(task.created_at),
        "updatedAt": iso_text(task.updated_at),
    }


def _id(key: UUID | None) -> str | None:
    return str(key) if key else None


def _time(moment: datetime | None) -> str | None:
    return iso_text(moment) if moment else None


def _dollars(microdollars: int | None) -> float | None:
    return None if microdollars is None else microdollars / 1_000_000
