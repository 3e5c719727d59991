"""Which deliveries are due, who makes the attempt, and what comes after it."""

import random
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from tasks.models import Delivery, Webhook
from tasks.webhooks.changes import pause
from tasks.webhooks.sending import TIMEOUT_SECONDS, Outcome

# How long an attempt is its worker's. After that the worker is gone, and another one sends.
LEASE = timedelta(seconds=4 * TIMEOUT_SECONDS)
# Between two attempts: about three days in all, as the Standard Webhooks rules propose.
HOUR = 3_600
WAITS = (5, 300, HOUR // 2, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 20 * HOUR)  # fmt: skip
JITTER = 0.1


def claim_due(limit: int, *, without: Collection[UUID] = ()) -> list[Delivery]:
    """Claim deliveries that are due, with their webhooks and events, for one attempt each.

    `without` are webhooks that get no more just now.
    """
    now = timezone.now()
    due = Delivery.objects.due(now).exclude(webhook__in=list(without))
    if not due.exists():  # the usual case: it saves the lock
        return []
    with transaction.atomic():
        rows = due.select_for_update(skip_locked=True, of=("self",))
        rows = rows.select_related("webhook", "event").order_by("next_attempt_at", "pk")
        claimed, claim = list(rows[:limit]), uuid4()
        Delivery.objects.filter(pk__in=[row.pk for row in claimed]).update(
            claim=claim, attempts=F("attempts") + 1, next_attempt_at=now + LEASE
        )
    for row in claimed:
        row.claim, row.attempts = claim, row.attempts + 1
    return claimed


def record(delivery: Delivery, outcome: Outcome) -> bool:
    """Write down what came of a claimed attempt; False if it is somebody else's by now."""
    now = timezone.now()
    with transaction.atomic():
        own = Delivery.objects.pending().filter(pk=delivery.pk, claim=delivery.claim)
        status, next_at = _decide(delivery, outcome, now)
        if not own.update(
            status=status,
            next_attempt_at=next_at,
            claim=None,
            response_status=outcome.response_status,
            response_text=outcome.response_text,
            error=outcome.error,
            milliseconds=outcome.milliseconds,
            attempted_at=now,
        ):
            return False
        _note_health(delivery.webhook_id, outcome, now)
    return True


def _decide(
    delivery: Delivery, outcome: Outcome, now: datetime
) -> tuple[Delivery.Status, datetime]:
    if outcome.is_delivered:
        return Delivery.Status.DELIVERED, now
    if outcome.is_gone or delivery.attempts > len(WAITS):
        return Delivery.Status.FAILED, now
    seconds: float = WAITS[delivery.attempts - 1]
    # Later if the receiver asks for it, and never earlier: the attempts last for three days.
    seconds = max(seconds, min(outcome.retry_after_seconds, WAITS[-1]))
    jitter = random.uniform(1, 1 + JITTER)  # noqa: S311
    return Delivery.Status.PENDING, now + timedelta(seconds=seconds * jitter)


def _note_health(webhook_id: UUID, outcome: Outcome, now: datetime) -> None:
    """Remember since when a webhook fails, and pause one that does so for days."""
    rows = Webhook.objects.filter(pk=webhook_id)
    if outcome.is_delivered:
        rows.filter(failing_since__isnull=False).update(failing_since=None)
        return
    rows.filter(failing_since=None).update(failing_since=now)
    if outcome.is_gone:
        pause(webhook_id, "The receiver answered 410 Gone: it wants no more.")
        return
    days = settings.STAGENT_WEBHOOK_PAUSE_DAYS
    if rows.filter(failing_since__lte=now - timedelta(days=days)).exists():
        pause(webhook_id, f"All its deliveries of {days} days have failed.")
