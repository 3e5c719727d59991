from datetime import timedelta
from typing import Self

from django.db import models
from django.utils import timezone

NO_WORKER = (
    "No worker is running: the task waits until one comes. Start one with"
    " `manage.py serve` (web and worker) or `manage.py runagents`."
)


class WorkerQuerySet(models.QuerySet["Worker"]):
    """Workers by whether they have been heard of lately."""

    def announce(self, name: str, *, for_seconds: float, concurrency: int) -> None:
        """Say that the worker `name` is at work, and will be for this long if it is not killed."""
        now = timezone.now()
        expires_at = now + timedelta(seconds=for_seconds)
        changed = self.filter(name=name).update(expires_at=expires_at)
        if not changed:
            self.filter(expires_at__lt=now - timedelta(days=1)).delete()
            self.create(name=name, expires_at=expires_at, concurrency=concurrency)

    def at_work(self) -> Self:
        return self.filter(expires_at__gt=timezone.now())

    def absence(self) -> str | None:
        """Say that no worker would take up a run, and what to do; None where one would."""
        return None if self.at_work().exists() else NO_WORKER


class Worker(models.Model):
    """A process that performs runs, as far as it has told of itself lately."""

    name = models.CharField(primary_key=True, max_length=255)
    concurrency = models.PositiveIntegerField(help_text="Runs at once.")
    started_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(
        help_text="Gone if it has not told of itself by then."
    )

    objects = WorkerQuerySet.as_manager()

    class Meta:
        ordering = ["started_at"]

    def __str__(self) -> str:
        return self.name
