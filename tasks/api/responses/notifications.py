"""What the API answers about permission requests and questions, for the OpenAPI description alone: see `tasks.api.responses`."""

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers as drf

from tasks.api.responses.fields import (
    ResponseBody,
    choice,
    nullable_text,
    nullable_time,
    text,
    texts,
)
from tasks.models import PermissionRequest
from tasks.models.outbox import NOTES
from tasks.models.permission import TYPES

# Named in the settings, so that the description names them too.
NOTIFICATION_TYPES = list(TYPES)

NOTE_TYPES = list(NOTES.values())

NOTIFICATION_STATUSES = PermissionRequest.Status.values


class Notification(ResponseBody):
    id = text()
    notificationId = text(help_text="The same.")
    type = choice(*NOTIFICATION_TYPES)
    taskId = drf.UUIDField()
    status = choice(*NOTIFICATION_STATUSES)
    toolName = text()
    toolInput = drf.DictField()
    action = text(help_text="In the words that rules are matched with.")
    message = text()
    read = drf.BooleanField()
    createdAt = drf.DateTimeField()
    decidedAt = nullable_time()
    decidedBy = nullable_text()
    decisionMessage = nullable_text()
    answers = drf.DictField(
        child=texts(), required=False, help_text="Of a question, by question."
    )


class Note(ResponseBody):
    """What a person is told and need not answer."""

    id = text()
    notificationId = text(help_text="The same.")
    type = choice(*NOTE_TYPES)
    taskId = drf.UUIDField(allow_null=True)
    projectId = nullable_text()
    title = text()
    message = text()
    read = drf.BooleanField()
    createdAt = drf.DateTimeField()


def either(*, many: bool = False) -> PolymorphicProxySerializer:
    """Describe one or many of both kinds."""
    return PolymorphicProxySerializer(
        component_name="NotificationOrNote",
        serializers=[Notification, Note],
        resource_type_field_name=None,
        many=many,
    )


Marked = type("Marked", (ResponseBody,), {"marked": drf.IntegerField()})
