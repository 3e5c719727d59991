from typing import Any, Self
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils import timezone

from stagent.database.compiled import CompiledInsert, CompiledObjects, CompiledQuery
from tasks.models.ids import new_id


class MessageQuerySet(models.QuerySet["Message"]):
    """Messages by whether an agent has them."""

    def insert(self, *rows: "Message") -> None:
        """Insert new rows by one statement that is compiled once, as `save()` would."""
        _insert(*rows)

    def undelivered(self) -> Self:
        """Return those that no agent has yet, in their order."""
        return self.filter(delivered_at=None).order_by("sequence")


class Message(models.Model):
    """What a person says to the agent of a task, while it works or after.

    It is delivered once: its agent has it from the checkpoint on that contains it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    task = models.ForeignKey(
        "tasks.Task",
        on_delete=models.CASCADE,
        related_name="messages",
        db_index=False,  # the constraint below has one
    )
    # That of its log entry, given out under the task's lock: the order in which they were said.
    sequence = models.PositiveIntegerField()
    text = models.TextField()
    # Of documents, which may be gone when the agent gets it: then it is told so.
    document_ids = models.JSONField(default=list, blank=True)
    by = models.CharField(max_length=150, blank=True)
    run = models.ForeignKey(
        "tasks.Run",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The one whose agent got it.",
    )
    created_at = models.DateTimeField(default=timezone.now)
    delivered_at = models.DateTimeField(
        null=True, blank=True, help_text="When the agent had it."
    )

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["task", "sequence"]
        constraints = [
            models.UniqueConstraint(
                fields=["task", "sequence"], name="one_message_per_sequence"
            )
        ]
        indexes = [
            models.Index(
                fields=["task", "sequence"],
                name="message_undelivered",
                condition=Q(delivered_at=None),
            )
        ]

    def __str__(self) -> str:
        return self.text[:80]


def last_undelivered(task_id: Any) -> Any:
    """Return the number of a task's last undelivered message, as a part of another query."""
    waiting = Message.objects.filter(task_id=task_id, delivered_at=None)
    return waiting.order_by("-sequence").values("sequence")[:1]


# --- Compiled once: every run begins and ends with a look -------------------------------

_insert = CompiledInsert(Message)
_undelivered = CompiledObjects(
    lambda task_id: Message.objects.undelivered().filter(task_id=task_id),
    task_id=UUID,
)
_last_undelivered = CompiledQuery(
    lambda task_id: (
        Message.objects.undelivered()
        .filter(task_id=task_id)
        .order_by("-sequence")
        .values_list("sequence")[:1]
    ),
    task_id=UUID,
)


def list_undelivered(task_id: UUID) -> list[Message]:
    """Return what the agent of a task is still to be told, in its order."""
    return _undelivered.all(task_id=task_id)


def find_last_undelivered(task_id: UUID) -> int | None:
    """Return the number of the last such message; None: there is none."""
    row = _last_undelivered.first(task_id=task_id)
    return int(row[0]) if row else None
