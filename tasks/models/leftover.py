from datetime import timedelta
from uuid import UUID

from django.db import models, transaction
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now

RETRY = timedelta(hours=1)


class LeftoverQuerySet(models.QuerySet["Leftover"]):
    """Takes what is due to be removed."""

    def take_due(self, limit: int) -> list[UUID]:
        """Return up to `limit` tasks whose folders may go, and keep others off them.

        What is not deleted afterwards is due again in an hour.
        """
        with transaction.atomic():
            due = self.filter(due_at__lte=Now()).order_by("due_at")
            taken = list(
                due.select_for_update(skip_locked=True).values_list("pk", flat=True)[
                    :limit
                ]
            )
            again = ExpressionWrapper(Now() + RETRY, output_field=DateTimeField())
            self.filter(pk__in=taken).update(due_at=again)
        return taken


class Leftover(models.Model):
    """A deleted task's workspace and long log, for a worker to remove once no run is left in it.

    Written down, not found by looking for folders without a task: those may be another
    database's, which had this STAGENT_HOME before.
    """

    task_id = models.UUIDField(primary_key=True, editable=False)
    due_at = models.DateTimeField(db_index=True)

    objects = LeftoverQuerySet.as_manager()

    def __str__(self) -> str:
        return f"What is left of {self.task_id}"
