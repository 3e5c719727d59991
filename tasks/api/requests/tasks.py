"""What a request about tasks may say, in the API's own words."""

from typing import Any

from tasks.api import zod
from tasks.api.requests.fields import (
    cursor_field,
    description_field,
    document_ids_field,
    page_limit_field,
)
from tasks.catalog import RUNTIME_NAMES, json_schemas
from tasks.models.task import Status

MAX_SOURCES = 20  # whose files one task begins with


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
    title = title_field()
    description = description_field()
    projectId = zod.String(required=False)
    priority = _priority(default=2)
    assignedAgent = zod.Enum(RUNTIME_NAMES, required=False)
    agentProfile = zod.String(required=False)
    documentIds = document_ids_field()
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
    title = title_field(required=False)
    description = description_field()
    status = zod.Enum(Status.values, required=False)
    priority = _priority(required=False)
    assignedAgent = zod.Enum(RUNTIME_NAMES, required=False)
    agentProfile = zod.String(required=False)
    result = zod.String(required=False)
    documentIds = document_ids_field(
        help_text="All that are to be attached; the rest is not."
    )
    maxTurns = _max_turns()
    maxBudgetUsd = _max_budget()
    projectId = zod.String(
        required=False, allow_null=True, help_text="Null: of no project."
    )
    outputSchema = _output_schema()


class TaskListQuery(zod.Serializer):
    projectId = zod.String(required=False)
    status = zod.Enum(Status.values, required=False)
    scheduleId = zod.String(
        required=False, help_text="Tasks that this schedule has started."
    )
    # Last, and so not inherited: errors are told in this order.
    limit = page_limit_field()
    cursor = cursor_field()
