"""What others are to hear of: written in the transaction of what happened, published afterwards.

The rows of a task's changes are part of the statement that writes the log, and get no number
then: a number that is given out before the commit can become visible after a greater one. So
`publish` numbers what is committed, one publisher at a time, and readers see a gapless order.
"""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from django.utils import timezone

from stagent.database.compiled import CompiledInsert
from stagent.database.compiled.insert import Statement
from stagent.database.json_text import iso_text
from tasks.payloads.events import make_content

JSON = dict[str, Any]

MAX_MESSAGE = 2_000
PUBLISHED_AT_ONCE = 500


class OutboxType(models.TextChoices):
    """What an event tells. The list is closed: subscribers may switch on it."""

    TASK_PLANNED = "task.planned"
    TASK_QUEUED = "task.queued"
    TASK_RUNNING = "task.running"
    TASK_COMPLETED = "task.completed"
    TASK_FAILED = "task.failed"
    TASK_CANCELLED = "task.cancelled"
    PERMISSION_REQUESTED = "permission.requested"
    PERMISSION_DECIDED = "permission.decided"
    QUESTION_ASKED = "question.asked"
    QUESTION_ANSWERED = "question.answered"
    BUDGET_WARNING = "budget.warning"
    BUDGET_EXCEEDED = "budget.exceeded"
    SCHEDULE_PAUSED = "schedule.paused"
    WEBHOOK_TEST = "webhook.test"  # to one subscriber, who asked for it


BUDGET_TYPES = (OutboxType.BUDGET_WARNING, OutboxType.BUDGET_EXCEEDED)

# What a person is told of: `/api/notifications` lists these, by the type that stands here.
NOTES = {
    OutboxType.TASK_COMPLETED: "task_completed",
    OutboxType.TASK_FAILED: "task_failed",
    OutboxType.BUDGET_WARNING: "budget_warning",
    OutboxType.BUDGET_EXCEEDED: "budget_exceeded",
    OutboxType.SCHEDULE_PAUSED: "schedule_paused",
}

ALL_NOTES = "notes"


def find_status_type(status: str) -> OutboxType:
    return OutboxType(f"task.{status}")


class OutboxQuerySet(models.QuerySet["OutboxEvent"]):
    """Events by how far they are, and the ways to write and to number them."""

    def unpublished(self) -> Self:
        return self.filter(sequence=None)

    def published(self) -> Self:
        """Those that streams show, in their order."""
        shown = self.filter(sequence__isnull=False)
        return shown.exclude(type=OutboxType.WEBHOOK_TEST).order_by("sequence")

    def notes(self) -> Self:
        return self.filter(type__in=NOTES)

    def add(self, event: "OutboxEvent") -> bool:
        """Write an event of no task; False if one with its `key` is there already."""
        return _insert.unless_there(event)

    def publish(
        self, then: Callable[[Sequence["OutboxEvent"]], object] = lambda events: None
    ) -> int:
        """Number what is committed and has no number yet, in the order of writing.

        `then` gets those that were numbered now, in the same transaction. Return how many
        they are: with PUBLISHED_AT_ONCE there may be more.
        """
        if not self.unpublished().exists():
            return 0  # the usual case, from an index of these alone
        with transaction.atomic():
            counter = _lock_counter()
            # After the lock: what the publisher before numbered is seen as numbered.
            events = list(self.unpublished().order_by("pk")[:PUBLISHED_AT_ONCE])
            for number, event in enumerate(events, counter.last_sequence + 1):
                event.sequence = number
            _number(events)
            counter.last_sequence += len(events)
            counter.save(update_fields=["last_sequence"])
            then(events)
        return len(events)


def _number(events: Sequence["OutboxEvent"]) -> None:
    table = OutboxEvent._meta.db_table
    sql = f"UPDATE {table} SET sequence = %s WHERE id = %s"  # noqa: S608  ours
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.executemany(sql, [(event.sequence, event.pk) for event in events])


def _lock_counter() -> "OutboxCounter":
    _counter.unless_there(OutboxCounter(number=1))
    return OutboxCounter.objects.select_for_update().get(number=1)


class OutboxCounter(models.Model):
    """One row: the last number that was given out, and the lock of who gives them out."""

    number = models.PositiveSmallIntegerField(unique=True, default=1)
    last_sequence = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.last_sequence)


class OutboxEvent(models.Model):
    """Something that happened, as streams, webhooks and the list of notifications tell it."""

    # The same at each delivery, so that a receiver knows an event it has had.
    uid = models.UUIDField(default=uuid.uuid4, editable=False, unique=True)
    sequence = models.PositiveBigIntegerField(null=True, editable=False, unique=True)
    type = models.CharField(max_length=30, choices=OutboxType)
    # By their ids: an event outlives what it tells of.
    task_id = models.UUIDField(null=True)
    project_id = models.CharField(max_length=255, blank=True)
    title = models.CharField(max_length=255, blank=True)
    message = models.TextField()
    data = models.JSONField(default=dict)
    # Null, not empty: of what may be told again and again there are many.
    key = models.CharField(  # noqa: DJ001
        max_length=200,
        null=True,
        unique=True,
        help_text="Of what is told once, such as a budget that is used up this month.",
    )
    read_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = OutboxQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(
                fields=["id"],
                name="outbox_unpublished",
                condition=models.Q(sequence=None),
            ),
            models.Index(fields=["created_at"], name="outbox_created"),
            models.Index(
                fields=["-created_at", "-id"],
                name="outbox_notes",
                condition=models.Q(type__in=list(NOTES)),
            ),
            models.Index(fields=["task_id"], name="outbox_task"),
        ]

    def __str__(self) -> str:
        return f"{self.type}: {self.message}"

    def as_content(self) -> JSON:
        """Return the event as the stream sends it, and a webhook as its `data`."""
        return make_content(
            uid=self.uid,
            sequence=self.sequence,
            type=self.type,
            timestamp=iso_text(self.created_at),
            task_id=self.task_id,
            project_id=self.project_id,
            title=self.title,
            message=self.message,
            data=self.data,
        )


_insert = CompiledInsert(OutboxEvent)
_counter = CompiledInsert(OutboxCounter)


def insert_for_task(
    task_id: UUID, kind: OutboxType, message: str, data: JSON, at: datetime
) -> Statement:
    """Return the INSERT of an event of a task, which takes title and project from its row.

    Of an assist there is none: it is nobody's task.
    """
    values = {
        "uid": uuid.uuid4(),
        "type": str(kind),
        "task_id": task_id,
        "message": message[:MAX_MESSAGE],
        "data": data,
        "created_at": at,
    }
    connection = connections[DEFAULT_DB_ALIAS]
    fields: list[Any] = [OutboxEvent._meta.get_field(name) for name in values]
    parameters = [
        field.get_db_prep_save(value, connection)
        for field, value in zip(fields, values.values(), strict=True)
    ]
    sql = (
        f"INSERT INTO {OutboxEvent._meta.db_table} ({', '.join(values)}, title, project_id)"  # noqa: S608
        f" SELECT {', '.join(['%s'] * len(values))}, title, COALESCE(project_id, '')"
        " FROM tasks_task WHERE id = %s AND NOT is_assist"
    )
    return sql, [*parameters, parameters[2]]
