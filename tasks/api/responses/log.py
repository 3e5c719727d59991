"""What the log stream sends, for the OpenAPI description alone: see `tasks.api.responses`."""

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers as drf

from tasks.api.responses.fields import ResponseBody
from tasks.models import EventType, PermissionRule, Task
from tasks.models.permission import QUESTION

_PERMISSIONS = (EventType.PERMISSION_REQUEST, EventType.PERMISSION_RESPONSE)
_TOOLS = (EventType.TOOL_USE, EventType.TOOL_RESULT, *_PERMISSIONS)


def _only_of(*types: EventType, text: str = "") -> dict[str, Any]:
    """Describe a field that only events of these types have."""
    return {"required": False, "help_text": f"Of {', '.join(types)}. {text}".strip()}


class LogEntry(ResponseBody):
    """The data of one event. Beside the first four, each type has fields of its own."""

    eventType = drf.ChoiceField(choices=EventType.values)
    message = drf.CharField(help_text="A sentence for people.")
    timestamp = drf.DateTimeField()
    sequence = drf.IntegerField(min_value=1, help_text="From 1, without a gap.")
    status = drf.ChoiceField(
        choices=Task.Status.values,
        **_only_of(EventType.STATUS, EventType.RESULT, EventType.ERROR),
    )
    toolName = drf.CharField(**_only_of(*_TOOLS))
    toolInput = drf.DictField(
        **_only_of(EventType.TOOL_USE, EventType.PERMISSION_REQUEST)
    )
    callId = drf.CharField(**_only_of(EventType.TOOL_USE, EventType.TOOL_RESULT))
    isRun = drf.BooleanField(
        **_only_of(EventType.TOOL_USE, text="False: the call was not carried out.")
    )
    isError = drf.BooleanField(**_only_of(EventType.TOOL_RESULT))
    notificationId = drf.CharField(**_only_of(*_PERMISSIONS))
    action = drf.CharField(
        **_only_of(
            EventType.PERMISSION_REQUEST,
            text="In the words that rules are matched with.",
        )
    )
    type = drf.ChoiceField(
        choices=[QUESTION],
        **_only_of(
            EventType.PERMISSION_REQUEST,
            text="The agent asks for an answer, not for leave.",
        ),
    )
    behavior = drf.ChoiceField(
        choices=PermissionRule.Effect.values, **_only_of(EventType.PERMISSION_RESPONSE)
    )
    messageId = drf.UUIDField(**_only_of(EventType.MESSAGE))
    by = drf.CharField(**_only_of(EventType.MESSAGE, text="Who sent it."))
    isDelivered = drf.BooleanField(
        **_only_of(
            EventType.MESSAGE,
            text="False: somebody sent it, and `message` is its text. True: the agent has it.",
        )
    )
    documentIds = drf.ListField(child=drf.CharField(), **_only_of(EventType.MESSAGE))
    modelId = drf.CharField(**_only_of(EventType.USAGE))
    inputTokens = drf.IntegerField(**_only_of(EventType.USAGE))
    outputTokens = drf.IntegerField(**_only_of(EventType.USAGE))
    costMicros = drf.IntegerField(
        allow_null=True,
        **_only_of(EventType.USAGE, text="Microdollars; null: unknown."),
    )
    isEstimated = drf.BooleanField(
        **_only_of(
            EventType.USAGE,
            text="True: the provider did not tell. The input is estimated, the output not"
            " counted.",
        )
    )
    delaySeconds = drf.FloatField(allow_null=True, **_only_of(EventType.RETRY))


class PartialText(ResponseBody):
    """Text that the agent has not finished, for who asks for it."""

    eventType = drf.ChoiceField(choices=["partial"])
    message = drf.CharField(help_text="All of the text so far.")
    timestamp = drf.DateTimeField()


LOG_EVENT = PolymorphicProxySerializer("LogEvent", [LogEntry, PartialText], None)
