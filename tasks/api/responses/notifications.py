"""What the API answers about permission requests and questions, for the OpenAPI description alone: see `tasks.api.responses`."""

from rest_framework import serializers as drf

from tasks.api.responses.fields import (
    Answer,
    choice,
    nullable_text,
    nullable_time,
    text,
    texts,
)
from tasks.models import PermissionRequest
from tasks.models.permission import TYPES

# Named in the settings, so that the description names them too.
NOTIFICATION_TYPES = list(TYPES)

NOTIFICATION_STATUSES = PermissionRequest.Status.values


class Notification(Answer):
    id = text()
    notificationId = text(help_text="The same.")
    type = choice(*NOTIFICATION_TYPES)
    taskId = drf.UUIDField()
    status = choice(*NOTIFICATION_STATUSES)
    toolName = text()
    toolInput = drf.DictField()
    action = text(help_text="In the words that rules are matched with.")
    message = text()
    createdAt = drf.DateTimeField()
    decidedAt = nullable_time()
    decidedBy = nullable_text()
    decisionMessage = nullable_text()
    answers = drf.DictField(
        child=texts(), required=False, help_text="Of a question, by question."
    )
