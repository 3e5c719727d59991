"""What the API answers, for its OpenAPI description alone: views build plain objects.

`tests/tasks/api/test_openapi.py` holds real answers against these, to the last key.
"""

from typing import Any, get_args

from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
)
from rest_framework import serializers as drf

from ledger.models import Period, Scope
from tasks.api.content_type import ContentType
from tasks.catalog import BUILT_IN, RUNTIME_NAMES
from tasks.files.changes import State
from tasks.models import Document as DocumentRow
from tasks.models import PermissionRequest, PermissionRule, Status
from tasks.models.permission import TYPES

Answer = drf.Serializer[Any]

# Named in the settings, so that the description names them too.
NOTIFICATION_TYPES = list(TYPES)
NOTIFICATION_STATUSES = PermissionRequest.Status.values
EFFECTS = PermissionRule.Effect.values
RULE_SCOPES = PermissionRule.Scope.values
FILE_STATES = [state.value for state in State]
DIRECTIONS = DocumentRow.Direction.values
DOCUMENT_STATUSES = DocumentRow.Status.values
CONTENT_TYPES = list(get_args(ContentType))


def _text(**options: Any) -> drf.CharField:
    return drf.CharField(**options)


def _maybe_text(**options: Any) -> drf.CharField:
    return drf.CharField(allow_null=True, **options)


def _maybe_time(**options: Any) -> drf.DateTimeField:
    return drf.DateTimeField(allow_null=True, **options)


def _texts() -> drf.ListField:
    return drf.ListField(child=drf.CharField())


def _enum(*names: str, **options: Any) -> drf.ChoiceField:
    return drf.ChoiceField(choices=names, **options)


def _micros(**options: Any) -> drf.IntegerField:
    return drf.IntegerField(help_text="Microdollars.", **options)


# --- Errors, and what says no more than yes -----------------------------------------------


class Error(Answer):
    error = _text()


class Flattened(Answer):
    formErrors = _texts()
    fieldErrors = drf.DictField(child=_texts())


class ValidationError(Answer):
    """Zod's flattened form."""

    error = Flattened()


Success = type("Success", (Answer,), {"success": drf.BooleanField()})
Started = type(
    "Started",
    (Answer,),
    {
        "message": _text(),
        "warning": _text(
            required=False, help_text="Only if no worker runs that would take it up."
        ),
    },
)

_EITHER = PolymorphicProxySerializer("BadRequest", [ValidationError, Error], None)
BAD_REQUEST = OpenApiResponse(
    _EITHER, "What does not fit; validation in Zod's flattened form."
)
CONFLICT = OpenApiResponse(Error, "Already responded.")
CHANGED = OpenApiResponse(Error, "It is no longer as If-Match says.")
NOT_MODIFIED = OpenApiResponse(description="It is still as If-None-Match says.")
BUDGET_EXCEEDED = OpenApiResponse(
    Error,
    "A budget is used up: Retry-After tells when its window ends. Without it, waiting does"
    " not help by itself: running tasks hold the rest of a budget, or the task's own is spent.",
)
LINK = OpenApiParameter(
    "Link",
    location=OpenApiParameter.HEADER,
    response=[200],
    description='The next page, as `<…>; rel="next"`, if there is one.',
)

# --- Tasks --------------------------------------------------------------------------------


class Task(Answer):
    id = drf.UUIDField()
    title = _text()
    description = _maybe_text()
    projectId = _maybe_text()
    status = _enum(*Status.values)
    priority = drf.IntegerField(min_value=0, max_value=3)
    assignedAgent = _maybe_text(help_text=f"One of {', '.join(RUNTIME_NAMES)}.")
    agentProfile = _maybe_text()
    createdAt = drf.DateTimeField()
    updatedAt = drf.DateTimeField()


class Usage(Answer):
    """All that the task's runs used. A request whose price is unknown is not in the cost."""

    inputTokens = drf.IntegerField()
    outputTokens = drf.IntegerField()
    totalTokens = drf.IntegerField()
    costMicros = _micros(allow_null=True)
    modelId = _text()
    startedAt = _maybe_time()
    finishedAt = _maybe_time()
    unpricedRequests = drf.IntegerField(required=False)
    estimatedRequests = drf.IntegerField(
        required=False,
        help_text="Of these the provider did not tell what they used, as when a worker dies"
        " before it does: their input is estimated, their output unknown and not counted.",
    )


class WaitingFor(Answer):
    notificationId = _text()
    toolName = _text()
    since = drf.DateTimeField()


def _error() -> drf.CharField:
    return _maybe_text(help_text="Why the last run failed, if the task is failed.")


def _runtime() -> drf.CharField:
    return _maybe_text(help_text="The runtime that really ran, last.")


def _profile() -> drf.CharField:
    return _maybe_text(help_text="The profile that really ran, last.")


class TaskWithUsage(Task):
    result = _maybe_text()
    error = _error()
    runtime = _runtime()
    profile = _profile()
    resumeCount = drf.IntegerField()
    maxTurns = drf.IntegerField(allow_null=True)
    maxBudgetUsd = drf.FloatField(allow_null=True)
    outputSchema = drf.DictField(allow_null=True)
    projectName = _maybe_text()
    workflowName = _maybe_text()
    scheduleName = _maybe_text()
    waitingFor = WaitingFor(allow_null=True)
    usage = Usage(required=False, help_text="Only if something was booked.")


class Output(Answer):
    taskId = drf.UUIDField()
    status = _enum(*Status.values)
    result = _text()
    contentType = _enum(*CONTENT_TYPES)
    data = drf.DictField(  # type: ignore[assignment]  # of Serializer, too
        required=False,
        allow_null=True,
        help_text="Only with an outputSchema: the result, once there is one that satisfies it.",
    )
    error = _error()
    runtime = _runtime()
    profile = _profile()


class DefaultDocuments(Answer):
    projectId = _text()
    updated = drf.IntegerField(help_text="How many the project has now.")


class Sibling(Answer):
    id = drf.UUIDField()
    title = _text()
    status = _enum(*Status.values)
    createdAt = drf.DateTimeField()


class TaskFile(Answer):
    path = _text(
        help_text="Relative to the task's folder. Bytes that are no UTF-8 are shown as \\xff."
    )
    state = _enum(*FILE_STATES)
    size = drf.IntegerField(allow_null=True, help_text="Bytes. Null if it is deleted.")
    modified = _maybe_time()
    mediaType = _text(help_text="Guessed by the name.")
    url = _maybe_text(help_text="Where to download it; null if it is not served.")
    reason = _maybe_text(help_text="Why it is not served.")


class FileCounts(Answer):
    new = drf.IntegerField()
    changed = drf.IntegerField()
    deleted = drf.IntegerField()
    unchanged = drf.IntegerField()


class TaskFiles(Answer):
    since = _maybe_time(
        help_text="When the run began that the states are of. Null if none did."
    )
    counts = FileCounts()
    isComplete = drf.BooleanField(
        help_text="False: there are more than are looked at. `under` looks at one folder."
    )
    files = TaskFile(many=True)


GONE = OpenApiResponse(Error, "The files of this task were removed.")


# --- What belongs to tasks ----------------------------------------------------------------


class Notification(Answer):
    id = _text()
    notificationId = _text(help_text="The same.")
    type = _enum(*NOTIFICATION_TYPES)
    taskId = drf.UUIDField()
    status = _enum(*NOTIFICATION_STATUSES)
    toolName = _text()
    toolInput = drf.DictField()
    action = _text(help_text="In the words that rules are matched with.")
    message = _text()
    createdAt = drf.DateTimeField()
    decidedAt = _maybe_time()
    decidedBy = _maybe_text()
    decisionMessage = _maybe_text()
    answers = drf.DictField(
        child=_texts(), required=False, help_text="Of a question, by question."
    )


class Rule(Answer):
    """A standing permission rule."""

    id = _text()
    pattern = _text()
    effect = _enum(*EFFECTS)
    scope = _enum(*RULE_SCOPES)
    taskId = drf.UUIDField(allow_null=True)
    projectId = _maybe_text()
    createdBy = _maybe_text()
    createdAt = drf.DateTimeField()
    expiresAt = _maybe_time()
    isExpired = drf.BooleanField()
    useCount = drf.IntegerField()
    lastUsedAt = _maybe_time()


class Project(Answer):
    id = _text()
    name = _text()
    description = _maybe_text()
    createdAt = drf.DateTimeField()
    updatedAt = drf.DateTimeField()


class Document(Answer):
    id = _text()
    name = _text()
    originalName = _text(help_text="The same.")
    filename = _text(help_text="The same.")
    mediaType = _text()
    mimeType = _text(help_text="The same.")
    size = drf.IntegerField(help_text="Bytes.")
    projectId = _maybe_text()
    taskId = drf.UUIDField(allow_null=True, help_text="The task that made it.")
    direction = _enum(*DIRECTIONS, help_text="output: a task has made it.")
    version = drf.IntegerField(help_text="Of what was made under this name.")
    category = _maybe_text()
    status = _enum(*DOCUMENT_STATUSES, help_text="Of its text. error: unreadable.")
    processingError = _maybe_text(help_text="Why its text cannot be read.")
    createdAt = drf.DateTimeField()
    updatedAt = drf.DateTimeField()
    url = _text(help_text="The path of its content.")


class DocumentWithText(Document):
    extractedText = _maybe_text(
        help_text="What was read out of a PDF, Word, PowerPoint, Excel or HTML file."
    )


class Profile(Answer):
    id = _text()
    name = _text()
    description = _text()
    domain = _maybe_text()
    tags = _texts()
    runtimes = _texts()
    tools = _texts()
    allowed = _texts()
    denied = _texts()
    network = drf.BooleanField()
    maxTurns = drf.IntegerField(allow_null=True)
    maxBudgetUsd = drf.FloatField(allow_null=True)
    source = _enum(BUILT_IN, "site")  # type: ignore[assignment]  # of Field, too


class ProfileWithInstructions(Profile):
    instructions = _text()


class Runtime(Answer):
    id = _text()
    name = _text()
    provider = _text()
    description = _text()
    isReady = drf.BooleanField()
    isDefault = drf.BooleanField()
    reason = _maybe_text(help_text="Why it is not ready.")
    fix = _maybe_text(help_text="What mends it.")
    version = _maybe_text()
    canResume = drf.BooleanField()
    editsInput = drf.BooleanField()


# --- Money --------------------------------------------------------------------------------


class Budget(Answer):
    id = _text()
    scope = _enum(*Scope.values)
    scopeId = _maybe_text()
    period = _enum(*Period.values)
    isActive = drf.BooleanField()
    limitUsd = drf.FloatField()
    limitMicros = _micros()
    spentMicros = _micros()
    reservedMicros = _micros()
    leftMicros = _micros()
    resetsAt = drf.DateTimeField()
