"""Webhooks and deliveries as the API shows them."""

from typing import Any

from stagent.database.json_text import iso_text
from tasks.models import Delivery, Webhook
from tasks.webhooks.messages import make_message_id

JSON = dict[str, Any]


def represent_webhook(webhook: Webhook) -> JSON:
    failing_since = webhook.failing_since
    return {
        "id": str(webhook.pk),
        "name": webhook.name,
        "url": webhook.url,
        "format": webhook.format,
        "events": webhook.types,
        "projectId": webhook.project_id,
        "status": webhook.status,
        "pauseReason": webhook.pause_reason or None,
        "failingSince": iso_text(failing_since) if failing_since else None,
        "createdBy": webhook.created_by or None,
        "createdAt": iso_text(webhook.created_at),
        "updatedAt": iso_text(webhook.updated_at),
    }


def represent_delivery(delivery: Delivery) -> JSON:
    """Show a delivery, whose event was read with it."""
    event, attempted_at = delivery.event, delivery.attempted_at
    is_pending = delivery.status == Delivery.Status.PENDING
    return {
        "id": str(delivery.pk),
        "webhookId": str(delivery.webhook_id),
        "messageId": make_message_id(event),
        "eventType": event.type,
        "sequence": event.sequence,
        "taskId": str(event.task_id) if event.task_id else None,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "nextAttemptAt": iso_text(delivery.next_attempt_at) if is_pending else None,
        "attemptedAt": iso_text(attempted_at) if attempted_at else None,
        "responseStatus": delivery.response_status,
        "responseText": delivery.response_text or None,
        "error": delivery.error or None,
        "milliseconds": delivery.milliseconds,
        "createdAt": iso_text(delivery.created_at),
    }
