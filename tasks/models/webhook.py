"""Webhooks and their deliveries."""

import base64
import secrets
from datetime import datetime
from typing import Self

from django.db import models
from django.utils import timezone

from tasks.models.ids import new_id
from tasks.models.outbox import OutboxEvent, OutboxType

SECRET_PREFIX = "whsec_"  # noqa: S105  the mark of every secret, and none itself
SECRET_BYTES = 32
SUBSCRIBABLE = [kind for kind in OutboxType if kind != OutboxType.WEBHOOK_TEST]


def make_secret() -> str:
    """Make a secret as the Standard Webhooks rules write it."""
    random = secrets.token_bytes(SECRET_BYTES)
    return SECRET_PREFIX + base64.b64encode(random).decode()


class WebhookQuerySet(models.QuerySet["Webhook"]):
    """Webhooks by what they do."""

    def active(self) -> Self:
        return self.filter(status=Webhook.Status.ACTIVE)


class Webhook(models.Model):
    """An address that is sent what happens."""

    class Status(models.TextChoices):
        """Whether it is sent anything."""

        ACTIVE = "active"
        PAUSED = "paused"

    class Format(models.TextChoices):
        """What a delivery looks like."""

        STANDARD = "standard", "Standard Webhooks"
        SLACK = "slack", "Slack-compatible message"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    url = models.CharField("URL", max_length=2_000)
    format = models.CharField(
        max_length=10,
        choices=Format,
        default=Format.STANDARD,
        help_text="Slack, Mattermost, Discord (with /slack) and others take the second.",
    )
    types = models.JSONField(
        "events", default=list, blank=True, help_text="None: all events."
    )
    project = models.ForeignKey(
        "tasks.Project",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="webhooks",
        help_text="Only what is of this project. Empty: everything.",
    )
    # In the clear, since each delivery is signed with it; shown once, when it is made.
    secret = models.CharField(max_length=200, default=make_secret, editable=False)
    status = models.CharField(
        max_length=6, choices=Status, default=Status.ACTIVE, editable=False
    )
    pause_reason = models.TextField(blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    created_by = models.CharField(max_length=150, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.name

    def wants(self, event: OutboxEvent) -> bool:
        """Tell whether it is to be sent an event that it did not ask for by name."""
        if event.type == OutboxType.WEBHOOK_TEST:
            return False
        is_of_project = self.project_id is None or self.project_id == event.project_id
        return is_of_project and (not self.types or event.type in self.types)


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    """Deliveries by how far they are."""

    def pending(self) -> Self:
        return self.filter(status=Delivery.Status.PENDING)

    def due(self, now: datetime) -> Self:
        due = self.pending().filter(next_attempt_at__lte=now)
        return due.filter(webhook__status=Webhook.Status.ACTIVE)


class Delivery(models.Model):
    """One event for one webhook: what came of the last attempt, and when the next one is."""

    class Status(models.TextChoices):
        """What became of a delivery."""

        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"  # it is not tried again by itself

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    webhook = models.ForeignKey(
        Webhook, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    event = models.ForeignKey(
        OutboxEvent, on_delete=models.CASCADE, related_name="deliveries"
    )
    status = models.CharField(max_length=9, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    # While a worker sends it: when another may, for that worker must be gone.
    next_attempt_at = models.DateTimeField(default=timezone.now)
    claim = models.UUIDField(null=True, help_text="Of the attempt that may write.")
    response_status = models.PositiveSmallIntegerField(null=True)
    response_text = models.TextField(blank=True, help_text="Its first bytes.")
    error = models.TextField(blank=True)
    milliseconds = models.PositiveIntegerField(null=True)
    attempted_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["webhook", "event"], name="one_delivery_an_event"
            )
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="delivery_due",
                condition=models.Q(status="pending"),
            ),
            models.Index(
                fields=["webhook", "-created_at", "-id"], name="delivery_newest"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.webhook_id}: {self.status}"
