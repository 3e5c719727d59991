"""What `/api/tasks/assist` is asked and answers."""

from typing import Any

from rest_framework import serializers as drf

from tasks.api import zod
from tasks.api.requests.workflows import WorkflowDefinition
from tasks.assist.question import COMPLEXITIES, PATTERNS
from tasks.catalog import RUNTIME_NAMES

Answer = drf.Serializer[Any]


class Assist(zod.Serializer):
    title = zod.String(
        required=False, max_length=200, help_text="One of the two is needed."
    )
    description = zod.String(required=False, max_length=20_000)
    assignedAgent = zod.Enum(
        RUNTIME_NAMES,
        required=False,
        help_text="The runtime that is asked; the default one if none is given.",
    )


class AssistStep(Answer):
    title = drf.CharField()
    description = drf.CharField()
    suggestedProfile = drf.CharField(required=False)
    requiresApproval = drf.BooleanField()
    dependsOn = drf.ListField(
        child=drf.IntegerField(), help_text="Places in the breakdown, from 0."
    )


class AssistLoopConfig(Answer):
    maxIterations = drf.IntegerField()
    timeBudgetMs = drf.IntegerField(required=False)


class AssistSwarmConfig(Answer):
    workerConcurrencyLimit = drf.IntegerField()


class AssistAnswer(Answer):
    improvedDescription = drf.CharField()
    breakdown = AssistStep(many=True)
    recommendedPattern = drf.ChoiceField(choices=list(PATTERNS))
    complexity = drf.ChoiceField(choices=list(COMPLEXITIES))
    needsCheckpoint = drf.BooleanField()
    reasoning = drf.CharField()
    suggestedLoopConfig = AssistLoopConfig(required=False)
    suggestedSwarmConfig = AssistSwarmConfig(required=False)
    definition = WorkflowDefinition(
        allow_null=True,
        help_text="For POST /api/workflows/from-assist; null where one task does it all.",
    )
    assistId = drf.UUIDField(
        help_text="Of the task that asked: for its log, its provenance, and what comes of it."
    )
    runtime = drf.CharField()
    modelId = drf.CharField(allow_null=True)
    costMicros = drf.IntegerField(
        allow_null=True, help_text="Microdollars; null: unknown."
    )
    notice = drf.CharField(
        allow_null=True, help_text="Says so if the content is nonsense."
    )
