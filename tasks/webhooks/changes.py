"""What people do with webhooks: pause, resume, try, deliver again, and give a new secret."""

import logging
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from tasks.models import Delivery, OutboxEvent, OutboxType, Webhook
from tasks.models.webhook import make_secret

log = logging.getLogger(__name__)


def pause(webhook_id: UUID, reason: str) -> None:
    """Send nothing more; what happens until it is resumed is not sent later either."""
    active = Webhook.objects.active().filter(pk=webhook_id)
    if active.update(status=Webhook.Status.PAUSED, pause_reason=reason):
        log.warning("Webhook %s is paused: %s", webhook_id, reason)


def resume(webhook_id: UUID) -> None:
    """Send again, first what was pending at the pause."""
    with transaction.atomic():
        paused = Webhook.objects.filter(pk=webhook_id, status=Webhook.Status.PAUSED)
        paused.update(status=Webhook.Status.ACTIVE, pause_reason="", failing_since=None)


def send_test(webhook: Webhook) -> Delivery:
    """Have an event delivered that tells of nothing; also of what is not subscribed."""
    event = OutboxEvent(
        type=OutboxType.WEBHOOK_TEST,
        project_id=webhook.project_id or "",
        title=webhook.name,
        message="A test: this webhook works.",
    )
    with transaction.atomic():
        event.save(force_insert=True)
        return Delivery.objects.create(webhook=webhook, event=event)


def redeliver(delivery: Delivery) -> Delivery:
    """Deliver an event again, with all its attempts. An attempt that goes on no longer counts."""
    Delivery.objects.filter(pk=delivery.pk).update(
        status=Delivery.Status.PENDING,
        attempts=0,
        claim=None,
        next_attempt_at=timezone.now(),
    )
    delivery.refresh_from_db()
    return delivery


def change_secret(webhook: Webhook, secret: str = "") -> str:
    """Sign with another secret from now on, and return it: a new one if none is given."""
    secret = secret or make_secret()
    rows = Webhook.objects.filter(pk=webhook.pk)
    rows.update(secret=secret, updated_at=timezone.now())
    return secret
