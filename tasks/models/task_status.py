"""How far a task is, and what may follow."""

from django.db import models


class Status(models.TextChoices):
    """How far a task is: the words of the API."""

    PLANNED = "planned"
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})

TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.PLANNED: frozenset({Status.QUEUED, Status.CANCELLED}),
    Status.QUEUED: frozenset({Status.RUNNING, Status.PLANNED, Status.CANCELLED}),
    Status.RUNNING: FINAL,
    Status.COMPLETED: frozenset({Status.PLANNED}),
    Status.FAILED: frozenset({Status.PLANNED, Status.QUEUED, Status.RUNNING}),
    Status.CANCELLED: frozenset({Status.PLANNED, Status.RUNNING}),
}
