"""What a request about schedules may say, in the API's own words."""

from typing import Any

from rest_framework.fields import empty

from tasks.api import zod
from tasks.api.requests.fields import ListQuery, document_ids_field
from tasks.catalog import RUNTIME_NAMES
from tasks.models import Schedule
from tasks.schedules.heartbeat import MAX_BRIEF

MAX_POINTS = 50  # of a checklist
PRIORITIES = ("high", "medium", "low")
NEW_STATUSES = ["active", "paused"]


class ChecklistItem(zod.Record):
    def check(self, value: Any, issues: list[str]) -> Any:
        """Return `{id, instruction, priority}`; what has no priority of ours is medium."""
        item = super().check(value, issues)
        if not isinstance(item, dict):
            return item
        instruction = _INSTRUCTION.check(item.get("instruction", empty), issues)
        priority, given_id = item.get("priority"), item.get("id")
        return {
            "id": str(given_id)[:100] if isinstance(given_id, str | int) else "",
            "instruction": instruction,
            "priority": priority if priority in PRIORITIES else "medium",
        }


_INSTRUCTION = zod.String(min_length=1, max_length=500)


def _name(**kwargs: Any) -> zod.String:
    return zod.String(min_length=1, max_length=200, **kwargs)


def _interval(**kwargs: Any) -> zod.String:
    return zod.String(
        min_length=1,
        max_length=200,
        help_text="Words (`weekdays at 8:30`), in short (`30m`, `2h`, `1d`), or five cron"
        " fields.",
        **kwargs,
    )


def _prompt() -> zod.String:
    return zod.String(
        required=False,
        max_length=MAX_BRIEF,
        help_text="The brief of each task. A heartbeat needs none beside its checklist.",
    )


def _workflow() -> zod.String:
    return zod.String(
        required=False,
        allow_null=True,
        help_text="Run at each time in place of a task. Then it needs no prompt.",
    )


def _zone(help_text: str) -> zod.String:
    return zod.String(required=False, max_length=64, help_text=help_text)


def _timezone() -> zod.String:
    return _zone("Whose clock the interval means, such as `Europe/Berlin`. Else UTC.")


def _active_timezone() -> zod.String:
    return _zone("Of the active hours, and of the day of the heartbeat's budget.")


def _overlap() -> zod.Enum:
    return zod.Enum(
        Schedule.Overlap.values,
        required=False,
        help_text="While its last task runs: skip a firing, or queue one. Else skip.",
    )


def _catchup() -> zod.Enum:
    return zod.Enum(
        Schedule.CatchUp.values,
        required=False,
        help_text="After a time without a worker: fire once, or not at all. Else one.",
    )


def _max_firings() -> zod.Integer:
    return zod.Integer(
        required=False, allow_null=True, min_value=1, max_value=1_000_000
    )


def _expires_in_hours() -> zod.Number:
    return zod.Number(
        required=False,
        allow_null=True,
        min_value=0,
        min_is_exclusive=True,
        max_value=87_600,
        help_text="From now on.",
    )


def _checklist() -> zod.ArrayOf:
    return zod.ArrayOf(
        ChecklistItem(),
        required=False,
        max_length=MAX_POINTS,
        help_text="Of a heartbeat: `{id, instruction, priority}`, where priority is high,"
        " medium or low.",
    )


def _hour(help_text: str) -> zod.Integer:
    return zod.Integer(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=23,
        help_text=help_text,
    )


def _start() -> zod.Integer:
    return _hour("The first hour in which it fires. Null: all day.")


def _end() -> zod.Integer:
    return _hour("The hour from which on it does not. Before the start: past midnight.")


def _budget_per_day() -> zod.Number:
    return zod.Number(
        required=False,
        allow_null=True,
        min_value=0,
        min_is_exclusive=True,
        max_value=10_000,
        help_text="US dollars that all its tasks of a day may cost. Null: no limit.",
    )


class CreateSchedule(zod.Serializer):
    name = _name()
    prompt = _prompt()
    interval = _interval()
    timezone = _timezone()
    type = zod.Enum(Schedule.Type.values, required=False)
    workflowId = _workflow()
    projectId = zod.String(required=False, allow_null=True)
    assignedAgent = zod.Enum(RUNTIME_NAMES, required=False)
    agentProfile = zod.String(required=False)
    documentIds = document_ids_field(help_text="Given to each of its tasks.")
    overlap = _overlap()
    catchup = _catchup()
    recurs = zod.Boolean(required=False, help_text="False: it fires once.")
    maxFirings = _max_firings()
    expiresInHours = _expires_in_hours()
    heartbeatChecklist = _checklist()
    activeHoursStart = _start()
    activeHoursEnd = _end()
    activeTimezone = _active_timezone()
    heartbeatBudgetPerDay = _budget_per_day()


class UpdateSchedule(zod.Serializer):
    status = zod.Enum(NEW_STATUSES, required=False, help_text="Resumes or pauses it.")
    name = _name(required=False)
    prompt = _prompt()
    interval = _interval(required=False)
    timezone = _timezone()
    workflowId = _workflow()
    projectId = zod.String(required=False, allow_null=True)
    assignedAgent = zod.Enum(RUNTIME_NAMES, required=False)
    agentProfile = zod.String(required=False)
    documentIds = document_ids_field(
        help_text="All that its tasks are given from now on."
    )
    overlap = _overlap()
    catchup = _catchup()
    maxFirings = _max_firings()
    expiresInHours = _expires_in_hours()
    heartbeatChecklist = _checklist()
    activeHoursStart = _start()
    activeHoursEnd = _end()
    activeTimezone = _active_timezone()
    heartbeatBudgetPerDay = _budget_per_day()


class ParseInterval(zod.Serializer):
    expression = zod.String(min_length=1, max_length=200)
    timezone = _timezone()


class ScheduleListQuery(ListQuery):
    status = zod.Enum(Schedule.Status.values, required=False)
