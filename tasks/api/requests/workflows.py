"""What requests to `/api/workflows` may say."""

import json
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers as drf

from tasks.api import zod
from tasks.api.requests.fields import ListQuery
from tasks.catalog import EFFORTS, RUNTIME_NAMES
from tasks.workflows.definition import (
    MAX_DOCUMENTS,
    MAX_ITERATIONS,
    MAX_NAME,
    MAX_PROMPT,
    InvalidDefinition,
    Pattern,
)
from tasks.workflows.definition_reader import parse
from tasks.workflows.graph import make_graph
from tasks.workflows.json_reader import is_storable

# --- The shape of a definition, for the OpenAPI description alone: `parse()` reads it ------


def _texts(**options: Any) -> drf.ListField:
    return drf.ListField(child=drf.CharField(), required=False, **options)


class WorkflowStep(drf.Serializer[Any]):
    id = drf.CharField(max_length=100)
    name = drf.CharField(max_length=MAX_NAME)
    prompt = drf.CharField(
        max_length=MAX_PROMPT, required=False, help_text="Not with delayDuration."
    )
    dependsOn = _texts(help_text="Ids of the steps that it waits for.")
    requiresApproval = drf.BooleanField(
        required=False, help_text="A person must allow it before it starts."
    )
    assignedAgent = drf.CharField(
        required=False, help_text=f"One of {', '.join(RUNTIME_NAMES)}."
    )
    runtimeId = drf.CharField(required=False, help_text="The same.")
    agentProfile = drf.CharField(
        required=False, help_text="auto, or none: chosen by name and prompt."
    )
    model = drf.CharField(
        required=False, help_text="The profile's, else the runtime's, if none is given."
    )
    effort = drf.ChoiceField(
        choices=EFFORTS, required=False, help_text="How hard the model thinks."
    )
    documentIds = _texts()
    budgetUsd = drf.FloatField(required=False, help_text="5.00 if none is given.")
    delayDuration = drf.CharField(
        required=False, help_text="30m, 2h, 3d, 1w: it only waits, from 1m to 30d."
    )


class LoopConfig(drf.Serializer[Any]):
    maxIterations = drf.IntegerField(
        min_value=1, max_value=MAX_ITERATIONS, required=False
    )
    timeBudgetMs = drf.IntegerField(required=False)
    completionSignals = _texts(
        help_text="What an agent says to end it; LOOP_COMPLETE if none is given."
    )
    items = _texts(help_text="One iteration for each.")
    itemVariable = drf.CharField(
        required=False, help_text="Its {{name}} in the prompt; item if none is given."
    )
    assignedAgent = drf.CharField(required=False)
    agentProfile = drf.CharField(required=False)


class SwarmConfig(drf.Serializer[Any]):
    workerConcurrencyLimit = drf.IntegerField(required=False, min_value=1)


class WorkflowDefinition(drf.Serializer[Any]):
    pattern = drf.ChoiceField(choices=[str(pattern) for pattern in Pattern])
    steps = WorkflowStep(many=True)
    loopConfig = LoopConfig(required=False)
    swarmConfig = SwarmConfig(required=False)
    priority = drf.IntegerField(
        required=False,
        min_value=0,
        max_value=3,
        help_text="Of its tasks; 1 if none is given.",
    )
    sourceTaskId = drf.CharField(
        required=False, help_text="The task whose documents every step sees."
    )


# --- What is read ----------------------------------------------------------------------------


@extend_schema_field(WorkflowDefinition)
class DefinitionField(zod.Record):
    """A definition, or its JSON text as the answers carry it; it becomes text."""

    def check(self, value: Any, issues: list[str]) -> Any:
        if not isinstance(value, str):
            value = super().check(value, issues)
        if issues:
            return value
        try:
            make_graph(parse(value))
        except InvalidDefinition as error:
            issues += error.problems
            return value
        text = value if isinstance(value, str) else _as_text(value)
        if not is_storable(text):
            issues.append("String must be storable: no NUL, no lone surrogates")
        return text


def _as_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _name(**options: Any) -> zod.String:
    return zod.String(
        min_length=1,
        max_length=200,
        pattern=r"[\s\S]*\S[\s\S]*",
        hint="Name must not be blank",
        **options,
    )


class CreateWorkflow(zod.Serializer):
    name = _name()
    projectId = zod.String(required=False, allow_null=True)
    definition = DefinitionField()


@extend_schema_field(drf.CharField(help_text="The same as `assistId`, or the answer."))
class ParentTask(zod.Record):
    """The id of an assist, or an object that has it as `assistId`; it becomes the id, or ""."""

    def check(self, value: Any, issues: list[str]) -> Any:
        if isinstance(value, str):
            return value
        parent = super().check(value, issues)
        return str(parent.get("assistId", "")) if isinstance(parent, dict) else parent


class WorkflowFromAssist(zod.Serializer):
    name = _name()
    projectId = zod.String(required=False, allow_null=True)
    definition = DefinitionField()
    priority = zod.Integer(
        min_value=0, max_value=3, default=2, help_text="Of the steps' tasks."
    )
    assignedAgent = zod.Enum(
        RUNTIME_NAMES, required=False, help_text="Of the steps that name none."
    )
    assistId = zod.String(
        required=False,
        help_text="The assist that suggested it: the provenance of its tasks names it.",
    )
    parentTask = ParentTask(required=False)
    executeImmediately = zod.Boolean(required=False)


class UpdateWorkflow(zod.Serializer):
    name = _name(required=False)
    definition = DefinitionField(required=False)
    status = zod.String(
        required=False,
        help_text="Only paused, alone. POST …/execute and …/resume make it active.",
    )


class WorkflowListQuery(ListQuery):
    projectId = zod.String(required=False)


class WorkflowStatusQuery(zod.Serializer):
    runNumber = zod.IntegerText(
        required=False,
        min_value=1,
        help_text="An earlier run; the last if none is given.",
    )


def _document_ids(**options: Any) -> zod.ArrayOf:
    return zod.ArrayOf(zod.String(), max_length=MAX_DOCUMENTS, **options)


def _step_id() -> zod.String:
    return zod.String(
        required=False, allow_null=True, help_text="Null or none: for every step."
    )


class AttachDocuments(zod.Serializer):
    documentIds = _document_ids()
    stepId = _step_id()


class DetachDocuments(zod.Serializer):
    documentIds = _document_ids(required=False)
    stepId = _step_id()
