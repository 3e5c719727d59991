"""What a request about tasks may say, in the API's own words."""

from typing import Any

from drf_spectacular.utils import extend_schema_field

from tasks.api import zod
from tasks.api.requests.fields import (
    cursor_field,
    description_field,
    document_ids_field,
    page_limit_field,
)
from tasks.catalog import EFFORTS, RUNTIME_NAMES, json_schemas, model_names
from tasks.files.handing_on import MAX_SOURCES
from tasks.models import Task
from tasks.models.tag import MAX_TAG_LENGTH, MAX_TAGS
from tasks.models.task import MAX_TIMEOUT_MINUTES


def title_field(**kwargs: Any) -> zod.String:
    return zod.String(min_length=1, max_length=200, **kwargs)


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


def _model() -> zod.String:
    return zod.String(
        required=False,
        allow_null=True,
        max_length=model_names.MAX_CHARACTERS,
        pattern=model_names.PATTERN,
        hint=model_names.HINT,
        help_text="What the provider calls it; /api/runtimes names some. Null: the profile's,"
        " else the runtime's.",
    )


def _effort() -> zod.Enum:
    return zod.Enum(
        EFFORTS,
        required=False,
        allow_null=True,
        help_text="How hard the model thinks, in the words that /api/runtimes has for each"
        " runtime. Null: as the profile says, else the model's own.",
    )


def _timeout() -> zod.Number:
    return zod.Number(
        required=False,
        allow_null=True,
        min_value=0,
        min_is_exclusive=True,
        max_value=MAX_TIMEOUT_MINUTES,
        help_text="How long one run may take, without the time that it waits for people."
        " Null: without a limit.",
    )


class SchemaField(zod.Record):
    """A JSON Schema that a result is to satisfy."""

    def check(self, value: Any, issues: list[str]) -> Any:
        schema = super().check(value, issues)
        if not issues:
            issues += json_schemas.find_problems(schema)
        return schema


def _output_schema() -> SchemaField:
    return SchemaField(
        required=False,
        allow_null=True,
        help_text="A JSON Schema (2020-12) of an object, which the result is to satisfy; the"
        " output has it as `data`. Null: the result is text.",
    )


def _files_from() -> zod.ArrayOf:
    return zod.ArrayOf(
        zod.String(),
        required=False,
        max_length=MAX_SOURCES,
        help_text="Tasks whose files this one begins with, as they are when it starts. One"
        " that goes on, or is resumed, keeps those that it has.",
    )


def _assist_id() -> zod.String:
    return zod.String(
        required=False,
        help_text="The assist that suggested it: its provenance names it.",
    )


def _tags() -> zod.ArrayOf:
    return zod.ArrayOf(
        _tag(),
        required=False,
        max_length=MAX_TAGS,
        help_text="Words to find it by, without commas.",
    )


def _tag() -> zod.String:
    return zod.String(
        min_length=1,
        max_length=MAX_TAG_LENGTH,
        pattern="[^,]*",
        hint="A tag has no comma",
    )


def _time(what: str) -> zod.TimeText:
    return zod.TimeText(required=False, help_text=f"Tasks {what}.")


@extend_schema_field({"type": "string", "enum": Task.Status.values})
class Statuses(zod.TextList):
    """One status or several; described as the one of the contract, whose clients stay as they are."""

    def check(self, value: Any, issues: list[str]) -> Any:
        is_several = isinstance(value, str) and "," in value
        # One is judged, and given, as the contract has it.
        check = super().check if is_several else self.check_item
        return check(value, issues)


def _statuses() -> zod.TextList:
    return Statuses(
        zod.Enum(Task.Status.values),
        required=False,
        max_length=100,  # also of the text in the description: all six with their commas
        help_text="One, or several: the parameter repeated, or commas between.",
    )


class CreateTask(zod.Serializer):
    title = title_field()
    description = description_field()
    projectId = zod.String(required=False)
    priority = _priority(default=2)
    assignedAgent = zod.Enum(RUNTIME_NAMES, required=False)
    agentProfile = zod.String(required=False)
    documentIds = document_ids_field()
    filesFrom = _files_from()
    maxTurns = _max_turns()
    maxBudgetUsd = _max_budget()
    outputSchema = _output_schema()
    tags = _tags()
    model = _model()
    effort = _effort()
    timeoutMinutes = _timeout()
    assistId = _assist_id()


class UpdateTask(zod.Serializer):
    title = title_field(required=False)
    description = description_field()
    status = zod.Enum(Task.Status.values, required=False)
    priority = _priority(required=False)
    assignedAgent = zod.Enum(RUNTIME_NAMES, required=False)
    agentProfile = zod.String(required=False)
    result = zod.String(required=False)
    documentIds = document_ids_field(
        help_text="All that are to be attached; the rest is not."
    )
    filesFrom = _files_from()
    maxTurns = _max_turns()
    maxBudgetUsd = _max_budget()
    projectId = zod.String(
        required=False, allow_null=True, help_text="Null: of no project."
    )
    outputSchema = _output_schema()
    tags = _tags()
    model = _model()
    effort = _effort()
    timeoutMinutes = _timeout()


class TaskListQuery(zod.Serializer):
    projectId = zod.String(required=False)
    status = _statuses()
    runtime = zod.Enum(
        RUNTIME_NAMES, required=False, help_text="Tasks that name this runtime."
    )
    profile = zod.String(required=False, help_text="Tasks that name this profile.")
    tags = zod.TextList(
        _tag(),
        required=False,
        max_length=MAX_TAGS,
        help_text="Tasks that have all of these: repeated, or with commas between.",
    )
    search = zod.String(
        required=False,
        min_length=1,
        max_length=200,
        help_text="The beginning of an id, of 8 characters or more, or a part of the title or of"
        " the error, which is looked for in the newest 20,000 tasks.",
    )
    createdFrom = _time("created at this time or later")
    createdUntil = _time("created before this time")
    updatedFrom = _time("changed at this time or later")
    updatedUntil = _time("changed, last, before this time")
    scheduleId = zod.String(
        required=False, help_text="Tasks that this schedule has started."
    )
    # Last, and so not inherited: errors are told in this order.
    limit = page_limit_field()
    cursor = cursor_field()
