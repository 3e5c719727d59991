"""TaskTotal: what each task has cost since ever, so that tasks can be sorted by it."""

from typing import Any
from uuid import UUID

from django.db import connection, models

_ADD = (
    "INSERT INTO ledger_tasktotal (task_id, spent_microdollars) VALUES (%s, %s)"
    " ON CONFLICT (task_id) DO UPDATE SET spent_microdollars ="
    " ledger_tasktotal.spent_microdollars + excluded.spent_microdollars"
)


class TaskTotalQuerySet(models.QuerySet["TaskTotal"]):
    """Adds to what a task has cost."""

    def add(self, task_id: UUID, microdollars: int) -> None:
        """Add `microdollars`, also none: what cost nothing has a total, too."""
        is_native = connection.features.has_native_uuid_field
        values: list[Any] = [task_id if is_native else task_id.hex, microdollars]
        with connection.cursor() as cursor:
            cursor.execute(_ADD, values)


class TaskTotal(models.Model):
    """What all requests of one task have cost, of those whose price is known."""

    task_id = models.UUIDField(primary_key=True)
    spent_microdollars = models.BigIntegerField()

    objects = TaskTotalQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["-spent_microdollars", "-task_id"], name="ledger_task_dearest"
            )
        ]

    def __str__(self) -> str:
        return str(self.task_id)
