"""What the API answers of messages, for its OpenAPI description: see `tasks.api.responses`."""

from rest_framework import serializers as drf

from tasks.api.responses.fields import ResponseBody


class Message(ResponseBody):
    """What a person said to the task's agent."""

    id = drf.UUIDField()
    taskId = drf.UUIDField()
    text = drf.CharField()
    documentIds = drf.ListField(child=drf.CharField())
    by = drf.CharField(allow_null=True)
    createdAt = drf.DateTimeField()
    deliveredAt = drf.DateTimeField(
        allow_null=True,
        help_text="When the agent had it: from then on it is in its conversation, once.",
    )
    sequence = drf.IntegerField(
        min_value=1, help_text="Of its log entry: messages are delivered in this order."
    )


class SentMessage(Message):
    followUp = drf.BooleanField(
        help_text="The task was finished: a new run in the same session goes on with it."
    )
    warning = drf.CharField(
        required=False, help_text="Only if no worker runs that would take it up."
    )
