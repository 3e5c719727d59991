"""What the bodies of `/api/schedules` say: columns to write, and what they refer to."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone

from tasks.api.views.lookups import parse_uuid
from tasks.api.views.task_bodies import check_compatible, check_references
from tasks.api.zod import Invalid
from tasks.models import Schedule, Workflow
from tasks.schedules import heartbeat, interval
from tasks.schedules.clock import zone_names

JSON = dict[str, Any]

# What the API calls it -> what the model does.
COLUMNS = {
    "name": "name",
    "type": "type",
    "prompt": "prompt",
    "timezone": "timezone",
    "projectId": "project_id",
    "assignedAgent": "assigned_agent",
    "agentProfile": "agent_profile",
    "overlap": "overlap",
    "catchup": "catchup",
    "recurs": "recurs",
    "maxFirings": "max_firings",
    "activeHoursStart": "active_hours_start",
    "activeHoursEnd": "active_hours_end",
    "activeTimezone": "active_timezone",
}


# What is to be started, and what goes with it.
WHAT = frozenset(
    {"prompt", "heartbeatChecklist", "workflowId", "heartbeatBudgetPerDay"}
)


def columns_of(data: JSON) -> JSON:
    """Return the columns that a body names, with their values, or raise Invalid."""
    columns = {column: data[name] for name, column in COLUMNS.items() if name in data}
    if "workflowId" in data:
        columns["workflow_id"] = _workflow_id(data["workflowId"])
        if columns["workflow_id"]:
            columns.setdefault("prompt", "")  # in place of the task that it was for
    if "interval" in data:
        columns["interval"] = data["interval"]
        columns["cron_expression"] = read_interval(data["interval"], "interval").cron
    if "expiresInHours" in data:
        hours = data["expiresInHours"]
        expires_at = None if hours is None else timezone.now() + timedelta(hours=hours)
        columns["expires_at"] = expires_at
    if "heartbeatBudgetPerDay" in data:
        budget = data["heartbeatBudgetPerDay"]
        micros = None if budget is None else max(1, round(budget * 1_000_000))
        columns["heartbeat_budget_microdollars"] = micros
    if "heartbeatChecklist" in data:
        columns["checklist"] = [
            {**item, "id": item["id"] or str(number)}
            for number, item in enumerate(data["heartbeatChecklist"], start=1)
        ]
    return columns


def _workflow_id(text: str | None) -> UUID | None:
    try:
        return None if text is None else parse_uuid(text)
    except Http404:
        raise Invalid.field("workflowId", "Workflow not found") from None


def read_interval(text: str, field: str) -> interval.Interval:
    try:
        return interval.parse(text)
    except interval.IntervalError as error:
        raise Invalid.field(field, str(error)) from error


def check_zones(data: JSON) -> None:
    for field in ("timezone", "activeTimezone"):
        if field in data and data[field] not in zone_names():
            message = (
                f"Unknown time zone: {data[field]}. Use a name such as Europe/Berlin"
            )
            raise Invalid.field(field, message)


def check_schedule(data: JSON, schedule: Schedule) -> None:
    """Raise Invalid if the body does not fit, or not to `schedule`, which has its columns.

    One whose workflow was deleted can still be renamed and paused.
    """
    check_references(data)
    check_zones(data)
    if {"assignedAgent", "agentProfile"} & data.keys():
        agent, profile = schedule.assigned_agent, schedule.agent_profile
        check_compatible(agent or None, profile or None)
    start, end = schedule.active_hours_start, schedule.active_hours_end
    if (start is None) != (end is None):
        field = "activeHoursStart" if start is None else "activeHoursEnd"
        raise Invalid.field(field, "Required: active hours have a start and an end")
    if schedule._state.adding or WHAT & data.keys() or data.get("status") == "active":
        _check_what(schedule)


def _check_what(schedule: Schedule) -> None:
    """Raise Invalid if there is nothing that it would start."""
    if schedule.workflow_id:
        _check_workflow(schedule.workflow_id, schedule)
    elif schedule.type == Schedule.Type.HEARTBEAT:
        _check_checklist(schedule)
    elif not schedule.prompt:
        raise Invalid.field("prompt", "Required: what each task is to do")


def _check_workflow(workflow_id: UUID, schedule: Schedule) -> None:
    if not Workflow.objects.filter(pk=workflow_id).exists():
        raise Invalid.field("workflowId", "Workflow not found")
    if schedule.type == Schedule.Type.HEARTBEAT:
        raise Invalid.field("workflowId", "A heartbeat starts no workflow")
    if schedule.prompt:
        message = "A workflow's steps have prompts of their own"
        raise Invalid.field("prompt", message)
    if schedule.heartbeat_budget_microdollars is not None:
        message = "A workflow's steps have budgets of their own"
        raise Invalid.field("heartbeatBudgetPerDay", message)


def _check_checklist(schedule: Schedule) -> None:
    if not schedule.checklist:
        message = "Required: a heartbeat goes through a checklist"
        raise Invalid.field("heartbeatChecklist", message)
    length = len(heartbeat.prompt_of(schedule))
    if length > heartbeat.MAX_BRIEF:
        message = (
            f"Prompt and checklist make a brief of {length} characters:"
            f" {heartbeat.MAX_BRIEF} at most"
        )
        raise Invalid.field("heartbeatChecklist", message)
