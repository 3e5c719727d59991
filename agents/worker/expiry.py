"""Removes what is kept for a number of days alone: events, and entries of the audit."""

from django.utils import timezone

from agents.worker import webhooks
from agents.worker.database import run_in_database
from tasks.audit.retention import remove_expired_entries


async def remove_old() -> None:
    """Remove what is kept no longer, some at a time."""
    await webhooks.remove_old()
    while await run_in_database(remove_expired_entries, timezone.now()):
        pass  # with room for others in between
