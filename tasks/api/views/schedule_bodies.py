"""What the bodies of `/api/schedules` say: columns to write, and what they refer to."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone

from tasks.api.views.lookups import parse_uuid
from tasks.api.views.task_bodies import check_compatible, check_references
from tasks.api.zod import Invalid
from tasks.models import Schedule, Workflow
from tasks.schedules import interval
from tasks.schedules.checks import (
    Problem,
    find_hours_problems,
    find_start_problems,
    find_zone_problem,
)
from tasks.schedules.exceptions import NeverFires

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

# What the model calls it -> what the API does.
NAMES = {column: name for name, column in COLUMNS.items()} | {
    "workflow": "workflowId",
    "expires_at": "expiresInHours",
    "checklist": "heartbeatChecklist",
    "heartbeat_budget_microdollars": "heartbeatBudgetPerDay",
}

# What is to be started, and what goes with it.
WHAT = frozenset(
    {"prompt", "heartbeatChecklist", "workflowId", "heartbeatBudgetPerDay"}
)


def read_columns(data: JSON) -> JSON:
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


def name_reason(error: NeverFires) -> str:
    """Return what a body calls the column for which a schedule never fires."""
    return NAMES.get(error.field, error.field)


def check_zones(data: JSON) -> None:
    for field in ("timezone", "activeTimezone"):
        if field in data and (problem := find_zone_problem(data[field])):
            raise Invalid.field(field, problem)


def check_schedule(data: JSON, schedule: Schedule) -> None:
    """Raise Invalid if the body does not fit, or not to `schedule`, which has its columns.

    One whose workflow was deleted can still be renamed and paused.
    """
    check_references(data)
    check_zones(data)
    if {"assignedAgent", "agentProfile"} & data.keys():
        agent, profile = schedule.assigned_agent, schedule.agent_profile
        check_compatible(agent or None, profile or None)
    _refuse_first(find_hours_problems(schedule))
    if schedule._state.adding or WHAT & data.keys() or data.get("status") == "active":
        _check_what(schedule)


def _check_what(schedule: Schedule) -> None:
    """Raise Invalid if there is nothing that it would start."""
    pk = schedule.workflow_id
    if pk and not Workflow.objects.filter(pk=pk).exists():
        raise Invalid.field("workflowId", "Workflow not found")
    _refuse_first(find_start_problems(schedule))


def _refuse_first(problems: Iterator[Problem]) -> None:
    for column, message in problems:
        raise Invalid.field(NAMES[column], message)
