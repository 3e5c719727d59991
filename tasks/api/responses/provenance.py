"""A task's whole story, for the OpenAPI description alone: see `tasks.api.responses`."""

from rest_framework import serializers as drf

from tasks.api.representation.provenance import MOST_TOLD
from tasks.api.responses.fields import ResponseBody
from tasks.models import PermissionRequest, Run

# Named in the settings, so that the description names it too.
RUN_STATUSES = Run.Status.values


_LAST = f"The last {MOST_TOLD}, oldest first."


class Ancestor(ResponseBody):
    type = drf.ChoiceField(choices=["assist", "schedule", "workflow", "task"])
    id = drf.UUIDField()
    name = drf.CharField()
    costMicros = drf.IntegerField(
        allow_null=True,
        help_text="Microdollars: of a workflow, those of this run. Null: unknown, or a schedule.",
    )


class ProvenanceDocument(ResponseBody):
    id = drf.CharField()
    name = drf.CharField()


class ProvenanceSource(ResponseBody):
    id = drf.UUIDField()
    title = drf.CharField()


class ProvenanceRun(ResponseBody):
    id = drf.UUIDField()
    attempt = drf.IntegerField()
    status = drf.ChoiceField(choices=RUN_STATUSES)
    runtime = drf.CharField()
    profile = drf.CharField()
    model = drf.CharField(
        allow_null=True,
        help_text="What the task or its profile asked for. Null: the runtime's own choice.",
    )
    effort = drf.CharField(allow_null=True)
    modelIds = drf.ListField(
        child=drf.CharField(), help_text="What answered, as the provider calls it."
    )
    isResume = drf.BooleanField()
    isFollowUp = drf.BooleanField(
        help_text="A message to the finished task started it."
    )
    startedBy = drf.CharField(allow_null=True)
    queuedAt = drf.DateTimeField()
    startedAt = drf.DateTimeField(allow_null=True)
    finishedAt = drf.DateTimeField(allow_null=True)
    error = drf.CharField(allow_null=True)


class ProvenancePermission(ResponseBody):
    notificationId = drf.CharField()
    toolName = drf.CharField()
    action = drf.CharField()
    status = drf.ChoiceField(choices=PermissionRequest.Status.values)
    decidedBy = drf.CharField(allow_null=True)
    requestedAt = drf.DateTimeField()
    decidedAt = drf.DateTimeField(allow_null=True)


class Provenance(ResponseBody):
    taskId = drf.UUIDField()
    sourceType = drf.ChoiceField(choices=["manual", "assist", "workflow", "schedule"])
    parentId = drf.UUIDField(allow_null=True)
    parentName = drf.CharField(allow_null=True)
    createdBy = drf.CharField(allow_null=True)
    createdAt = drf.DateTimeField()
    lineage = Ancestor(many=True)
    documents = ProvenanceDocument(many=True)
    filesFrom = ProvenanceSource(many=True)
    runs = ProvenanceRun(many=True, help_text=_LAST)
    permissions = ProvenancePermission(many=True, help_text=_LAST)
    costMicros = drf.IntegerField(
        allow_null=True, help_text="Microdollars; null: unknown."
    )
