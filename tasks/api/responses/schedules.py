"""What is answered about schedules, for the OpenAPI description alone: see `responses`."""

from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers as drf

from tasks.api.requests.schedules import PRIORITIES
from tasks.api.responses.fields import ResponseBody
from tasks.models import Firing as FiringRow
from tasks.models import Schedule as ScheduleRow
from tasks.models import Task

SCHEDULE_STATUSES = ScheduleRow.Status.values
SCHEDULE_TYPES = ScheduleRow.Type.values
OVERLAPS = ScheduleRow.Overlap.values
CATCH_UPS = ScheduleRow.CatchUp.values
FIRING_STATUSES = FiringRow.Status.values
HEARTBEAT_EVENTS = ["heartbeat_action", "heartbeat_suppressed"]
REPORT_STATUSES = ["action_needed", "ok", "skipped"]
CHECKLIST_PRIORITIES = list(PRIORITIES)


class ScheduleConflict(ResponseBody):
    error = drf.CharField()
    status = drf.ChoiceField(
        choices=SCHEDULE_STATUSES, help_text="The schedule's own, or its workflow's."
    )


CONFLICT = OpenApiResponse(
    ScheduleConflict,
    "The schedule's status, or a task of its that runs, does not allow it.",
)


class ChecklistItem(ResponseBody):
    id = drf.CharField()
    instruction = drf.CharField()
    priority = drf.ChoiceField(choices=CHECKLIST_PRIORITIES)


class Schedule(ResponseBody):
    id = drf.UUIDField()
    name = drf.CharField()
    type = drf.ChoiceField(choices=SCHEDULE_TYPES)
    status = drf.ChoiceField(choices=SCHEDULE_STATUSES)
    pauseReason = drf.CharField(allow_null=True)
    prompt = drf.CharField(allow_null=True)
    interval = drf.CharField(allow_null=True, help_text="As it was given.")
    cronExpression = drf.CharField(allow_null=True)
    timezone = drf.CharField()
    workflowId = drf.UUIDField(allow_null=True, help_text="What it runs, if no task.")
    projectId = drf.CharField(allow_null=True)
    assignedAgent = drf.CharField(allow_null=True)
    agentProfile = drf.CharField(allow_null=True)
    documentIds = drf.ListField(child=drf.CharField())
    overlap = drf.ChoiceField(choices=OVERLAPS)
    catchup = drf.ChoiceField(choices=CATCH_UPS)
    recurs = drf.BooleanField()
    maxFirings = drf.IntegerField(allow_null=True)
    firingCount = drf.IntegerField(help_text="Those that were started.")
    failureStreak = drf.IntegerField(help_text="Failed firings in a row.")
    expiresAt = drf.DateTimeField(allow_null=True)
    lastFiredAt = drf.DateTimeField(allow_null=True)
    nextFireAt = drf.DateTimeField(allow_null=True)
    heartbeatChecklist = ChecklistItem(many=True, allow_null=True)
    activeHoursStart = drf.IntegerField(allow_null=True)
    activeHoursEnd = drf.IntegerField(allow_null=True)
    activeTimezone = drf.CharField()
    heartbeatBudgetPerDay = drf.FloatField(allow_null=True, help_text="US dollars.")
    suppressionCount = drf.IntegerField(
        help_text="Heartbeats in a row that found nothing to do."
    )
    lastActionAt = drf.DateTimeField(allow_null=True)
    createdAt = drf.DateTimeField()
    updatedAt = drf.DateTimeField()


class ReportItem(ResponseBody):
    id = drf.CharField()
    status = drf.ChoiceField(choices=REPORT_STATUSES)
    summary = drf.CharField()


class HeartbeatReport(ResponseBody):
    """What a heartbeat's agent found."""

    action_needed = drf.BooleanField()
    items = ReportItem(many=True)
    note = drf.CharField(
        required=False, help_text="Only if the agent's result had not the form."
    )


class Firing(ResponseBody):
    """One time that a schedule came due, or was run by hand."""

    id = drf.UUIDField()
    number = drf.IntegerField(allow_null=True, help_text="Of those that were started.")
    status = drf.ChoiceField(choices=FIRING_STATUSES)
    reason = drf.CharField(allow_null=True)
    isManual = drf.BooleanField()
    scheduledFor = drf.DateTimeField()
    taskId = drf.UUIDField(allow_null=True)
    workflowRunId = drf.UUIDField(allow_null=True)
    outcome = drf.CharField(
        allow_null=True,
        help_text="The status its task or workflow run ended with, or deleted.",
    )
    report = HeartbeatReport(allow_null=True)
    createdAt = drf.DateTimeField()
    endedAt = drf.DateTimeField(allow_null=True)


class FiredTask(ResponseBody):
    id = drf.UUIDField()
    title = drf.CharField()
    status = drf.ChoiceField(choices=Task.Status.values)
    result = drf.CharField(allow_null=True)
    createdAt = drf.DateTimeField()
    updatedAt = drf.DateTimeField()


class ScheduleWithHistory(Schedule):
    nextFireTimes = drf.ListField(child=drf.DateTimeField())
    firings = Firing(many=True, help_text="The last 50, the newest first.")
    firingHistory = FiredTask(many=True, help_text="Their tasks.")


class ParsedInterval(ResponseBody):
    cronExpression = drf.CharField()
    description = drf.CharField()
    nextFireTimes = drf.ListField(child=drf.DateTimeField())
    confidence = drf.FloatField(min_value=0, max_value=1)


class FiredNow(ResponseBody):
    taskId = drf.UUIDField(allow_null=True)
    workflowRunId = drf.UUIDField(allow_null=True)
    forced = drf.BooleanField()
    firingNumber = drf.IntegerField()


class HeartbeatEvent(ResponseBody):
    id = drf.UUIDField()
    taskId = drf.UUIDField(allow_null=True)
    event = drf.ChoiceField(choices=HEARTBEAT_EVENTS)
    payload = HeartbeatReport()
    timestamp = drf.DateTimeField()


class HeartbeatStats(ResponseBody):
    suppressionCount = drf.IntegerField()
    lastActionAt = drf.DateTimeField(allow_null=True)
    firingCount = drf.IntegerField()
    heartbeatSpentToday = drf.FloatField(help_text="US dollars.")
    heartbeatBudgetPerDay = drf.FloatField(allow_null=True, help_text="US dollars.")


class HeartbeatHistory(ResponseBody):
    history = HeartbeatEvent(many=True, help_text="The last 50, the newest first.")
    stats = HeartbeatStats()


class Deleted(ResponseBody):
    deleted = drf.BooleanField()
