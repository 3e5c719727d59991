"""The audit: who wrote what, from where. Rows that are written once.

The database itself refuses to change them, and to remove them but by `remove_old()`.
"""

from datetime import datetime
from typing import Any, Self

from django.db import models, transaction
from django.utils import timezone

from stagent.database.compiled import CompiledInsert
from stagent.database.compiled.insert import Statement
from stagent.database.json_text import iso_text

JSON = dict[str, Any]

AT_ONCE = 1_000
LOOKED_THROUGH = 20_000


class Way(models.TextChoices):
    """By which door a write came."""

    API = "api", "API"
    ADMIN = "admin", "admin"
    COMMAND = "command", "command line"
    SCHEDULE = "schedule", "schedule"


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Entries by who wrote what."""

    def insert(self, *entries: "AuditEntry") -> None:
        """Insert entries by a statement that is compiled once."""
        _insert(*entries)

    def about(self, object_id: object) -> Self:
        """Those of one object, also of one that is gone."""
        return self.filter(object_id=str(object_id))

    def newest_by(self, way: str) -> Self:
        """Those of one way, of which there is no index, among the newest."""
        keys = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True)
        floor = keys[LOOKED_THROUGH : LOOKED_THROUGH + 1].first()
        found = self.filter(way=way)
        return found if floor is None else found.filter(pk__gt=floor)

    def older_than(self, until: datetime) -> Self:
        return self.filter(created_at__lt=until)

    def remove_old(self, until: datetime) -> int:
        """Remove some that are older, and tell how many: the one way that there is."""
        some = list(
            self.older_than(until)
            .order_by("created_at", "pk")
            .values_list("pk", flat=True)[:AT_ONCE]
        )
        with transaction.atomic():
            opened = AuditPruning.objects.create()
            removed, _ = self.filter(pk__in=some).delete()
            opened.delete()
        return removed


class AuditEntry(models.Model):
    """A write by somebody."""

    # By their values, not by keys: an entry outlives whom and what it tells of.
    user_id = models.BigIntegerField(null=True)
    user_name = models.CharField(
        "who", max_length=150, blank=True, help_text="Empty: who needed no login."
    )
    token_name = models.CharField(max_length=100, blank=True)
    token_prefix = models.CharField(max_length=20, blank=True)
    address = models.CharField(max_length=64, blank=True)
    way = models.CharField(max_length=10, choices=Way)
    action = models.CharField(max_length=50)
    object_type = models.CharField(max_length=50)
    object_id = models.CharField(max_length=255, blank=True)
    title = models.CharField(max_length=255, blank=True)
    # Of what changed, by column, or by name in the request; secrets masked, texts cut short.
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    request_id = models.CharField(max_length=128, blank=True)
    created_at = models.DateTimeField("when", default=timezone.now)

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="audit_newest"),
            models.Index(
                fields=["user_name", "-created_at", "-id"], name="audit_by_whom"
            ),
            models.Index(
                fields=["object_type", "-created_at", "-id"], name="audit_by_type"
            ),
            models.Index(
                fields=["object_id", "-created_at", "-id"], name="audit_by_object"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.title}".strip()

    def as_json(self) -> JSON:
        """Return the entry as the API, the command and the export show it."""
        return {
            "id": self.pk,
            "createdAt": iso_text(self.created_at),
            "userId": self.user_id,
            "userName": self.user_name or None,
            "tokenName": self.token_name or None,
            "tokenPrefix": self.token_prefix or None,
            "address": self.address or None,
            "way": self.way,
            "action": self.action,
            "objectType": self.object_type,
            "objectId": self.object_id or None,
            "title": self.title or None,
            "before": self.before,
            "after": self.after,
            "requestId": self.request_id or None,
        }


class AuditPruning(models.Model):
    """While there is a row, the transaction that made it may remove entries of the audit."""

    def __str__(self) -> str:
        return "pruning"


_insert = CompiledInsert(AuditEntry)


def insert_of(entry: AuditEntry) -> Statement:
    """Return the INSERT of an entry, to be done beside what it tells of."""
    return _insert.statement(entry)
