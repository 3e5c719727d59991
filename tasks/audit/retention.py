"""How long the audit is kept: for good, unless the settings say otherwise."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from tasks.audit.author import Author
from tasks.audit.recording import recorded_now
from tasks.models import AuditEntry


def remove_expired_entries(now: datetime) -> int:
    """Remove some of what is older than STAGENT_AUDIT_DAYS, and tell how many; 0 keeps all."""
    days = settings.STAGENT_AUDIT_DAYS
    return AuditEntry.objects.remove_old(now - timedelta(days=days)) if days else 0


def remove_entries(until: datetime, *, author: Author) -> int:
    """Remove all that is older; that this was done is an entry itself."""
    removed = 0
    with transaction.atomic():
        while some := AuditEntry.objects.remove_old(until):
            removed += some
        if removed:
            after = {"olderThan": until.isoformat(), "entries": removed}
            recorded_now(author, "prune", "audit entry", after=after)
    return removed
