"""From the outbox to deliveries: each event is numbered, and written down for each subscriber, once."""

from collections.abc import Sequence

from tasks.models import Delivery, OutboxEvent, Webhook
from tasks.models.outbox import PUBLISHED_AT_ONCE


def publish_all() -> None:
    """Number all committed events, each with its deliveries in the same transaction."""
    while OutboxEvent.objects.publish(_write_deliveries) == PUBLISHED_AT_ONCE:
        pass


def _write_deliveries(events: Sequence[OutboxEvent]) -> None:
    webhooks = list(Webhook.objects.active())
    Delivery.objects.bulk_create(
        Delivery(webhook=webhook, event=event)
        for event in events
        for webhook in webhooks
        if webhook.wants(event)
    )
