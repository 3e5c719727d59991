"""What a request may say, in the API's own words."""

from typing import Any

from ledger.models import Period, Scope
from tasks.api import zod
from tasks.catalog import RUNTIME_NAMES, json_schemas
from tasks.files.changes import State
from tasks.lifecycle.messages import MAX_TEXT
from tasks.models import Document
from tasks.models.permission import TYPES as NOTIFICATION_TYPES
from tasks.models.permission import PermissionRequest, PermissionRule
from tasks.models.project import NAME_IN_URL
from tasks.models.task import Status

MAX_DOCUMENTS = 500  # of one task
MAX_SOURCES = 20  # whose files one task begins with
MAX_MESSAGE_DOCUMENTS = 50


def _title(**kwargs: Any) -> zod.String:
    return zod.String(min_length=1, max_length=200, **kwargs)


def _description(**kwargs: Any) -> zod.String:
    return zod.String(required=False, max_length=2000, **kwargs)


def _priority(**kwargs: Any) -> zod.Integer:
    return zod.Integer(
        min_value=0,
        max_value=3,
        help_text="0 is the most urgent. A new task has 2 if none is given.",
        **kwargs,
    )


def _max_turns() -> zod.Integer:
    return zod.Integer(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=1000,
        help_text="Requests to the model; a resume may make as many again. Null: the default.",
    )


def _max_budget() -> zod.Number:
    return zod.Number(
        required=False,
        allow_null=True,
        min_value=0,
        min_is_exclusive=True,
        max_value=10_000,
        help_text="US dollars, more than 0. Null: the default.",
    )


def _documents(**kwargs: Any) -> zod.ArrayOf:
    return zod.ArrayOf(zod.String(), required=False, max_length=MAX_DOCUMENTS, **kwargs)


class SchemaField(zod.Record):
    """A JSON Schema that a result is to satisfy."""

    def check(self, value: Any, issues: list[str]) -> Any:
        schema = super().check(value, issues)
        if not issues:
            issues += json_schemas.problems_of(schema)
        return schema


def _output_schema() -> SchemaField:
    return SchemaField(
        required=False,
        allow_null=True,
        help_text="A JSON Schema (2020-12) of an object, which the result is to satisfy; the"
        " output has it as `data`. Null: the result is text.",
    )


def _assist_id() -> zod.String:
    return zod.String(
        required=False,
        help_text="The assist that suggested it: its provenance names it.",
    )


class CreateTask(zod.Serializer):
    title = _title()
    description = _description()
    projectId = zod.String(required=False)
    priority = _priority(default=2)
    assignedAgent = zod.Enum(RUNTIME_NAMES, required=False)
    agentProfile = zod.String(required=False)
    documentIds = _documents()
    filesFrom = zod.ArrayOf(
        zod.String(),
        required=False,
        max_length=MAX_SOURCES,
        help_text="Tasks whose files this one begins with, as they are when it starts.",
    )
    maxTurns = _max_turns()
    maxBudgetUsd = _max_budget()
    outputSchema = _output_schema()
    assistId = _assist_id()


class UpdateTask(zod.Serializer):
    title = _title(required=False)
    description = _description()
    status = zod.Enum(Status.values, required=False)
    priority = _priority(required=False)
    assignedAgent = zod.Enum(RUNTIME_NAMES, required=False)
    agentProfile = zod.String(required=False)
    result = zod.String(required=False)
    documentIds = _documents(help_text="All that are to be attached; the rest is not.")
    maxTurns = _max_turns()
    maxBudgetUsd = _max_budget()
    projectId = zod.String(
        required=False, allow_null=True, help_text="Null: of no project."
    )
    outputSchema = _output_schema()


def _page_limit() -> zod.IntegerText:
    return zod.IntegerText(required=False, min_value=1, max_value=1000)


def _cursor() -> zod.String:
    return zod.String(
        required=False, help_text="From the Link header of the page before."
    )


class ListQuery(zod.Serializer):
    limit = _page_limit()
    cursor = _cursor()


class TaskListQuery(zod.Serializer):
    projectId = zod.String(required=False)
    status = zod.Enum(Status.values, required=False)
    scheduleId = zod.String(
        required=False, help_text="Tasks that this schedule has started."
    )
    # Last, and so not inherited: errors are told in this order.
    limit = _page_limit()
    cursor = _cursor()


class DocumentListQuery(zod.Serializer):
    projectId = zod.String(required=False)
    taskId = zod.String(required=False, help_text="Those that a task has, or has made.")
    status = zod.Enum(Document.Status.values, required=False)
    direction = zod.Enum(Document.Direction.values, required=False)
    search = zod.String(
        required=False, max_length=200, help_text="A part of the name or of the text."
    )
    limit = _page_limit()
    cursor = _cursor()


class KeepFile(zod.Serializer):
    taskId = zod.String(help_text="The task that made the file.")
    path = zod.String(min_length=1, help_text="In the task's folder.")
    projectId = zod.String(
        required=False, allow_null=True, help_text="Without, the task's own."
    )
    category = zod.String(required=False, max_length=100)


class UpdateDocument(zod.Serializer):
    projectId = zod.String(required=False, allow_null=True)
    category = zod.String(required=False, allow_null=True, max_length=100)
    reprocess = zod.Boolean(required=False, help_text="true: read its text again.")


class ProjectDocuments(zod.Serializer):
    documentIds = zod.ArrayOf(
        zod.String(),
        max_length=MAX_DOCUMENTS,
        help_text="All that every task of the project is to be given.",
    )


_STATES = "|".join(State)


class FilesQuery(zod.Serializer):
    state = zod.String(
        required=False,
        pattern=f"({_STATES})(,({_STATES}))*",
        hint=f"Some of {', '.join(State)}, with commas between them.",
        help_text=f"Only those of these states, with commas between them: {', '.join(State)}.",
    )


class FileListQuery(FilesQuery):
    under = zod.String(required=False, help_text="Only those in this folder.")


class DiffQuery(zod.Serializer):
    path = zod.String(required=False, help_text="Only of this file.")


class NotificationListQuery(ListQuery):
    taskId = zod.String(required=False)
    status = zod.Enum(PermissionRequest.Status.values, required=False)
    type = zod.Enum(NOTIFICATION_TYPES, required=False)


class SendMessage(zod.Serializer):
    text = zod.String(
        min_length=1,
        max_length=MAX_TEXT,
        pattern=r"[\s\S]*\S[\s\S]*",
        hint="There is nothing but white space in it",
        help_text="What the agent is to hear.",
    )
    documentIds = zod.ArrayOf(
        zod.String(),
        required=False,
        max_length=MAX_MESSAGE_DOCUMENTS,
        help_text="The agent gets them as files, and their text with the message.",
    )


class Respond(zod.Serializer):
    notificationId = zod.String(min_length=1)
    behavior = zod.Enum(("allow", "deny"))
    message = zod.String(required=False, help_text="For the agent.")
    updatedInput = zod.Record(
        required=False,
        help_text="Merged into what the tool was given: what is not named stays. Only keys"
        " that it has, with values of the same type. Of a question, only `answers`, by question.",
    )
    alwaysAllow = zod.Boolean(required=False)
    permissionPattern = zod.String(
        required=False, help_text="A glob for the rule to keep."
    )


class CreateRule(zod.Serializer):
    pattern = zod.String(
        min_length=1,
        max_length=2000,
        help_text="write:/reports/*, run:git log *, fetch:https://example.com/**, mcp:server/tool.",
    )
    effect = zod.Enum(PermissionRule.Effect.values)
    taskId = zod.String(
        required=False, allow_null=True, help_text="For this task only."
    )
    projectId = zod.String(
        required=False, allow_null=True, help_text="For this project's tasks only."
    )
    expiresAt = zod.String(
        required=False,
        allow_null=True,
        pattern=r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)",
        hint="Invalid datetime",
        help_text="ISO 8601, with Z or an offset; left out or null, the rule never expires.",
    )


class RuleListQuery(zod.Serializer):
    taskId = zod.String(required=False)
    projectId = zod.String(required=False)
    scope = zod.Enum(PermissionRule.Scope.values, required=False)
    limit = zod.IntegerText(required=False, min_value=1, max_value=1000)
    cursor = zod.String(required=False)


class CreateProject(zod.Serializer):
    id = zod.String(
        required=False,
        min_length=1,
        max_length=128,
        pattern=r"(?!\.\.?$)[A-Za-z0-9._-]+",
        hint=str(NAME_IN_URL.message),
    )
    name = zod.String(min_length=1, max_length=200)
    description = _description(allow_null=True)


class UpdateProject(zod.Serializer):
    name = zod.String(required=False, min_length=1, max_length=200)
    description = _description(allow_null=True)
    documentIds = _documents(
        help_text="All that every task of the project is to be given."
    )


def _limit(**kwargs: Any) -> zod.Number:
    return zod.Number(
        min_value=0, max_value=1_000_000, help_text="US dollars.", **kwargs
    )


class CreateBudget(zod.Serializer):
    scope = zod.Enum(Scope.values)
    scopeId = zod.String(
        required=False,
        allow_null=True,
        max_length=255,
        help_text="The runtime's or project's id.",
    )
    period = zod.Enum(Period.values)
    limitUsd = _limit()
    isActive = zod.Boolean(required=False)


class UpdateBudget(zod.Serializer):
    limitUsd = _limit(required=False)
    isActive = zod.Boolean(required=False)
