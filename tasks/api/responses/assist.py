"""What `/api/tasks/assist` answers, for the OpenAPI description alone: see `tasks.api.responses`."""

from rest_framework import serializers as drf

from tasks.api.requests.workflows import WorkflowDefinition
from tasks.api.responses.fields import ResponseBody
from tasks.assist.question import COMPLEXITIES, PATTERNS


class AssistStep(ResponseBody):
    title = drf.CharField()
    description = drf.CharField()
    suggestedProfile = drf.CharField(required=False)
    requiresApproval = drf.BooleanField()
    dependsOn = drf.ListField(
        child=drf.IntegerField(), help_text="Places in the breakdown, from 0."
    )


class AssistLoopConfig(ResponseBody):
    maxIterations = drf.IntegerField()
    timeBudgetMs = drf.IntegerField(required=False)


class AssistSwarmConfig(ResponseBody):
    workerConcurrencyLimit = drf.IntegerField()


class AssistAnswer(ResponseBody):
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
