"""What the API answers about webhooks, for its OpenAPI description alone."""

from rest_framework import serializers as drf

from tasks.api.responses.fields import (
    ResponseBody,
    choice,
    nullable_text,
    nullable_time,
    text,
)
from tasks.models import Delivery as DeliveryRow
from tasks.models import OutboxType
from tasks.models import Webhook as WebhookRow
from tasks.models.webhook import SUBSCRIBABLE

EVENT_TYPES = [str(kind) for kind in OutboxType]
SUBSCRIBED_TYPES = [str(kind) for kind in SUBSCRIBABLE]
WEBHOOK_STATUSES = WebhookRow.Status.values
FORMATS = WebhookRow.Format.values
DELIVERY_STATUSES = DeliveryRow.Status.values


class Webhook(ResponseBody):
    id = drf.UUIDField()
    name = text()
    url = text()
    format = choice(*FORMATS)
    events = drf.ListField(child=choice(*SUBSCRIBED_TYPES), help_text="None: all.")
    projectId = nullable_text()
    status = choice(*WEBHOOK_STATUSES)
    pauseReason = nullable_text()
    failingSince = nullable_time(help_text="Since when no delivery has succeeded.")
    createdBy = nullable_text()
    createdAt = drf.DateTimeField()
    updatedAt = drf.DateTimeField()


class WebhookWithSecret(Webhook):
    secret = text(help_text="Shown this once. Deliveries are signed with it.")


class Delivery(ResponseBody):
    id = drf.UUIDField()
    webhookId = drf.UUIDField()
    messageId = text(help_text="The header webhook-id: the same at every attempt.")
    eventType = choice(*EVENT_TYPES)
    sequence = drf.IntegerField(allow_null=True, help_text="Of the event.")
    taskId = drf.UUIDField(allow_null=True)
    status = choice(*DELIVERY_STATUSES)
    attempts = drf.IntegerField()
    nextAttemptAt = nullable_time(help_text="Of one that is pending.")
    attemptedAt = nullable_time()
    responseStatus = drf.IntegerField(allow_null=True)
    responseText = nullable_text(help_text="The first bytes of the last response.")
    error = nullable_text()
    milliseconds = drf.IntegerField(allow_null=True)
    createdAt = drf.DateTimeField()
