"""What the stream of events sends."""

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers as drf

from tasks.api.responses.fields import ResponseBody, choice, text
from tasks.api.responses.webhooks import EVENT_TYPES


class Event(ResponseBody):
    """What happened to a task, a budget or a schedule. Some types say more than these fields."""

    id = text(help_text="The same in each delivery of it by a webhook.")
    sequence = drf.IntegerField(help_text="The order of events, without a gap.")
    type = choice(*EVENT_TYPES)
    timestamp = drf.DateTimeField()
    taskId = text(allow_null=True)
    projectId = text(allow_null=True)
    title = text(help_text="Of the task or schedule.")
    message = text()
    status = text(required=False, help_text="task.*: what the task has become.")
    notificationId = text(
        required=False, help_text="permission.* and question.*: what to respond to."
    )
    toolName = text(required=False)
    action = text(required=False, help_text="In the words that rules are matched with.")
    behavior = text(required=False, help_text="Decided: allow or deny.")


class BudgetEvent(Event):
    """A budget of which most, or all, is spent."""

    budgetId = text()
    limitUsd = text(help_text="Such as 10.00.")
    spentUsd = text()
    causedByTaskId = text(required=False, help_text="The task whose request it was.")


# Of one shape alone typed clients would read the stream, which is text, as one of it.
STREAMED_EVENT = PolymorphicProxySerializer("StreamedEvent", [Event, BudgetEvent], None)
