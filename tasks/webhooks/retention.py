"""Removes old events with their deliveries, some at a time."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from tasks.models import Delivery, OutboxEvent
from tasks.models.outbox import OutboxQuerySet

REMOVED_AT_ONCE = 1_000


def find_old_events(until: datetime) -> OutboxQuerySet:
    """Find events from before `until`; not those that are still to be delivered or numbered."""
    waiting = Delivery.objects.pending().filter(event=OuterRef("pk"))
    old = OutboxEvent.objects.filter(created_at__lt=until, sequence__isnull=False)
    tests = OutboxEvent.objects.filter(created_at__lt=until, type="webhook.test")
    return (old | tests).exclude(Exists(waiting))


def remove_old_events(until: datetime) -> int:
    """Remove some of them, and return how many: none is left where it is 0."""
    keys = list(
        find_old_events(until)
        .order_by("pk")
        .values_list("pk", flat=True)[:REMOVED_AT_ONCE]
    )
    if keys:
        OutboxEvent.objects.filter(pk__in=keys).delete()
    return len(keys)


def remove_expired_events() -> int:
    """Remove some of what is older than the settings keep it."""
    return remove_old_events(
        timezone.now() - timedelta(days=settings.STAGENT_EVENT_DAYS)
    )
