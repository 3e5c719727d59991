"""What the API answers about tasks, for the OpenAPI description alone: see `tasks.api.responses`."""

from typing import get_args

from rest_framework import serializers as drf

from tasks.api.content_type import ContentType
from tasks.api.responses.fields import (
    ResponseBody,
    choice,
    microdollars,
    nullable_text,
    nullable_time,
    text,
    texts,
)
from tasks.catalog import RUNTIME_NAMES
from tasks.models import Task as Row

CONTENT_TYPES = list(get_args(ContentType))


class Task(ResponseBody):
    id = drf.UUIDField()
    title = text()
    description = nullable_text()
    projectId = nullable_text()
    status = choice(*Row.Status.values)
    priority = drf.IntegerField(min_value=0, max_value=3)
    assignedAgent = nullable_text(help_text=f"One of {', '.join(RUNTIME_NAMES)}.")
    agentProfile = nullable_text()
    createdAt = drf.DateTimeField()
    updatedAt = drf.DateTimeField()
    tags = texts()


class Usage(ResponseBody):
    """All that the task's runs used. A request whose price is unknown is not in the cost."""

    inputTokens = drf.IntegerField()
    outputTokens = drf.IntegerField()
    totalTokens = drf.IntegerField()
    costMicros = microdollars(allow_null=True)
    modelId = text()
    startedAt = nullable_time()
    finishedAt = nullable_time()
    unpricedRequests = drf.IntegerField(required=False)
    estimatedRequests = drf.IntegerField(
        required=False,
        help_text="Of these the provider did not tell what they used, as when a worker dies"
        " before it does: their input is estimated, their output unknown and not counted.",
    )


class WaitingFor(ResponseBody):
    notificationId = text()
    toolName = text()
    since = drf.DateTimeField()


def _error() -> drf.CharField:
    return nullable_text(help_text="Why the last run failed, if the task is failed.")


def _runtime() -> drf.CharField:
    return nullable_text(help_text="The runtime that really ran, last.")


def _profile() -> drf.CharField:
    return nullable_text(help_text="The profile that really ran, last.")


class TaskWithUsage(Task):
    result = nullable_text()
    error = _error()
    runtime = _runtime()
    profile = _profile()
    resumeCount = drf.IntegerField()
    maxTurns = drf.IntegerField(allow_null=True)
    maxBudgetUsd = drf.FloatField(allow_null=True)
    outputSchema = drf.DictField(allow_null=True)
    model = nullable_text(help_text="What it asks for; `usage.modelId` is what ran.")
    effort = nullable_text()
    timeoutMinutes = drf.FloatField(allow_null=True)
    projectName = nullable_text()
    workflowName = nullable_text()
    scheduleName = nullable_text()
    waitingFor = WaitingFor(allow_null=True)
    usage = Usage(required=False, help_text="Only if something was booked.")


class Output(ResponseBody):
    taskId = drf.UUIDField()
    status = choice(*Row.Status.values)
    result = text()
    contentType = choice(*CONTENT_TYPES)
    data = drf.DictField(  # type: ignore[assignment]  # of Serializer, too
        required=False,
        allow_null=True,
        help_text="Only with an outputSchema: the result, once there is one that satisfies it.",
    )
    error = _error()
    runtime = _runtime()
    profile = _profile()


class Sibling(ResponseBody):
    id = drf.UUIDField()
    title = text()
    status = choice(*Row.Status.values)
    createdAt = drf.DateTimeField()
