"""What `/api/workflows` answers, for its OpenAPI description alone: views build plain objects."""

from rest_framework import serializers as drf

from tasks.api.requests.workflows import WorkflowStep
from tasks.api.responses.fields import ResponseBody, nullable_text, nullable_time
from tasks.models import Workflow as WorkflowModel
from tasks.models import WorkflowRun as WorkflowRunModel

STATUSES = WorkflowModel.Status.values
RUN_STATUSES = WorkflowRunModel.Status.values
STOP_REASONS = WorkflowRunModel.StopReason.values
STEP_STATUSES = [
    *("pending", "waiting_dependencies", "waiting_approval", "delayed"),
    *("running", "completed", "failed"),
]


def _stop_reason() -> drf.ChoiceField:
    return drf.ChoiceField(choices=STOP_REASONS, allow_null=True)


class Workflow(ResponseBody):
    id = drf.UUIDField()
    name = drf.CharField()
    projectId = nullable_text()
    definition = drf.CharField(help_text="JSON text, as it was written.")
    status = drf.ChoiceField(choices=STATUSES)
    runNumber = drf.IntegerField(help_text="Of the last run; 0 before the first.")
    taskCount = drf.IntegerField(help_text="Of all its runs.")
    outputDocCount = drf.IntegerField(
        help_text="Documents that its tasks made, over all its runs, each version counted."
    )
    createdAt = drf.DateTimeField()
    updatedAt = drf.DateTimeField()


class WorkflowFromAssistResult(ResponseBody):
    workflow = Workflow()
    taskIds = drf.ListField(
        child=drf.UUIDField(), help_text="Of the steps that were started."
    )
    parentTaskId = nullable_text(
        help_text="The assist that suggested it, if it was named."
    )
    status = drf.ChoiceField(choices=["created", "started"])


class WorkflowChange(ResponseBody):
    """After an edit, the whole workflow; after a pause, its id and status alone."""

    id = drf.UUIDField()
    status = drf.ChoiceField(choices=STATUSES)
    name = drf.CharField(required=False)
    projectId = nullable_text(required=False)
    definition = drf.CharField(required=False)
    runNumber = drf.IntegerField(required=False)
    taskCount = drf.IntegerField(required=False)
    outputDocCount = drf.IntegerField(required=False)
    createdAt = drf.DateTimeField(required=False)
    updatedAt = drf.DateTimeField(required=False)


class WorkflowAccepted(ResponseBody):
    status = drf.CharField(help_text="started, resuming, stopping or retry_started.")
    workflowId = drf.UUIDField()
    stepId = drf.CharField(required=False)
    runNumber = drf.IntegerField(required=False)
    warning = drf.CharField(
        required=False, help_text="Only if no worker runs that would take it up."
    )


class WorkflowConflict(ResponseBody):
    error = drf.CharField()
    status = drf.ChoiceField(choices=STATUSES, help_text="The workflow's own.")


class WorkflowDeleted(ResponseBody):
    deleted = drf.BooleanField()


class StepState(ResponseBody):
    stepId = drf.CharField()
    status = drf.ChoiceField(choices=STEP_STATUSES)
    attempt = drf.IntegerField(help_text="0 before it began.")
    taskId = nullable_text()
    result = nullable_text()
    error = nullable_text()
    startedAt = nullable_time()
    completedAt = nullable_time()
    notificationId = nullable_text(
        help_text="Of its approval: answer it under /respond."
    )


class StepStatus(WorkflowStep, StepState):
    """The step as it is defined, and beside it what became of it; `state` tells the same."""

    state = StepState()


class PastRun(ResponseBody):
    runNumber = drf.IntegerField()
    runId = drf.UUIDField()
    status = drf.ChoiceField(choices=RUN_STATUSES)
    stopReason = _stop_reason()
    reason = nullable_text()
    taskCount = drf.IntegerField()
    completedCount = drf.IntegerField()
    failedCount = drf.IntegerField()
    startedAt = drf.DateTimeField()
    completedAt = nullable_time()


class Iteration(ResponseBody):
    iteration = drf.IntegerField(help_text="From 1.")
    status = drf.ChoiceField(choices=STEP_STATUSES)
    attempt = drf.IntegerField()
    taskId = nullable_text()
    result = nullable_text()
    error = nullable_text()
    startedAt = nullable_time()
    completedAt = nullable_time()
    notificationId = nullable_text()
    durationMs = drf.IntegerField(allow_null=True)


class LoopState(ResponseBody):
    currentIteration = drf.IntegerField()
    iterations = Iteration(many=True)
    status = drf.CharField(help_text="running, completed, paused or failed.")
    stopReason = _stop_reason()
    startedAt = drf.DateTimeField()
    completedAt = nullable_time()
    totalDurationMs = drf.IntegerField(allow_null=True)


class WorkflowState(ResponseBody):
    status = drf.CharField()
    startedAt = nullable_time()
    completedAt = nullable_time()


class StepDocument(ResponseBody):
    id = drf.CharField()
    name = drf.CharField()
    originalName = drf.CharField()
    filename = drf.CharField()
    mimeType = drf.CharField()
    size = drf.IntegerField(help_text="Bytes.")
    direction = drf.CharField()
    status = drf.CharField()
    category = nullable_text()


class WorkflowStatus(ResponseBody):
    id = drf.UUIDField()
    name = drf.CharField()
    projectId = nullable_text()
    definition = drf.CharField(help_text="JSON text, as it was when the run began.")
    pattern = nullable_text()
    swarmConfig = drf.DictField(allow_null=True)
    status = drf.CharField()
    runNumber = drf.IntegerField()
    reason = nullable_text(help_text="Why it is paused, or failed.")
    stopReason = _stop_reason()
    steps = StepStatus(many=True)
    workflowState = WorkflowState()
    loopState = LoopState(allow_null=True)
    stepDocuments = drf.DictField(
        child=StepDocument(many=True), help_text="By the id of the step's task."
    )
    parentDocuments = StepDocument(many=True)
    runHistory = PastRun(many=True)


class StepTarget(ResponseBody):
    stepId = drf.CharField()
    name = drf.CharField()
    runtime = nullable_text()
    profile = nullable_text()
    model = nullable_text(help_text="Null: the runtime's own choice.")
    effort = nullable_text(help_text="Null: the model's own.")
    budgetUsd = drf.FloatField(allow_null=True)
    refusal = nullable_text(help_text="Why it would not start now; null if it would.")


class WorkflowTarget(ResponseBody):
    workflowId = drf.UUIDField()
    isReady = drf.BooleanField()
    steps = StepTarget(many=True)


class Binding(ResponseBody):
    bindingId = drf.IntegerField()
    documentId = drf.CharField()
    stepId = nullable_text(help_text="Null: for every step.")
    createdAt = drf.DateTimeField()
    document = StepDocument()


class Attached(ResponseBody):
    attached = drf.IntegerField()
    workflowId = drf.UUIDField()
    stepId = nullable_text()


class Detached(ResponseBody):
    ok = drf.BooleanField()
