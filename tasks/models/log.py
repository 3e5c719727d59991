import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from stagent.database.compiled import CompiledInsert, CompiledUpdate
from stagent.database.json_lines import escape_line_ends
from stagent.database.json_text import iso_text
from tasks import pubsub
from tasks.exceptions import LeaseLost
from tasks.models.outbox import OutboxType, insert_for_task
from tasks.models.task import Task
from tasks.payloads import events, log_entries

JSON = dict[str, Any]


class EventType(models.TextChoices):
    """What a log entry tells. The list is closed: clients may switch on it."""

    STATUS = "status"
    ASSISTANT = "assistant"
    THINKING = "thinking"
    TOOL_USE = "tool_use"
    TOOL_RESULT = "tool_result"
    PERMISSION_REQUEST = "permission_request"
    PERMISSION_RESPONSE = "permission_response"
    MESSAGE = "message"  # of a person: sent, and then delivered
    USAGE = "usage"
    RETRY = "retry"
    ERROR = "error"
    RESULT = "result"


@dataclass(frozen=True)
class NewEntry:
    """An entry that is to be written: its number and time come with the writing."""

    event_type: EventType
    message: str
    data: JSON = field(default_factory=dict)
    # What of it others are to hear, beside who follows the log: mostly nothing.
    announces: OutboxType | None = None


# Every event of every run goes this way: 0.7 ms an entry if Django compiled these anew.
_advance_any = CompiledUpdate(
    lambda task_id, count: (
        Task.objects.filter(pk=task_id),
        {"log_sequence": F("log_sequence") + count},
    ),
    task_id=UUID,
    count=int,
)
_advance_held = CompiledUpdate(
    lambda task_id, count, lease: (
        Task.objects.filter(pk=task_id, live_run=lease),
        {"log_sequence": F("log_sequence") + count},
    ),
    task_id=UUID,
    count=int,
    lease=UUID,
)


def _advance(task_id: UUID, count: int, lease: UUID | None) -> int | None:
    """Give out the task's next numbers and return the last of them."""
    fence = {"lease": lease} if lease else {}
    advance = _advance_held if lease else _advance_any
    last: int | None = advance.returning(
        "log_sequence", key=task_id, task_id=task_id, count=count, **fence
    )
    return last


class LogEntryQuerySet(models.QuerySet["LogEntry"]):
    """Appends entries and reads them by their number."""

    def after(self, sequence: int) -> Self:
        return self.filter(sequence__gt=sequence).order_by("sequence")

    def like(self, entry: NewEntry, *, at: datetime) -> Self:
        """Those that `append(entry, at=at)` has written."""
        return self.filter(
            event_type=entry.event_type, message=entry.message, recorded_at=at
        )

    def tool_uses(self, call_id: str) -> Self:
        """The entries of a tool's call; some agents use an id again."""
        call = {f"data__{log_entries.CALL_ID}": call_id}
        return self.filter(event_type=EventType.TOOL_USE, **call)

    def failures(self) -> Self:
        """Errors of the run and of its tools."""
        failed_tool = Q(**{f"data__{log_entries.IS_ERROR}": True})
        return self.filter(Q(event_type=EventType.ERROR) | failed_tool)

    def remove_some(self, task_id: UUID, count: int) -> bool:
        """Remove up to `count` entries of a task that is gone; tell whether more may be left."""
        some = self.filter(task_id=task_id).order_by("sequence").values("pk")[:count]
        removed, _ = self.filter(pk__in=some).delete()
        return removed == count

    def append(
        self,
        task_id: UUID,
        *entries: NewEntry,
        run_id: UUID | None = None,
        lease: UUID | None = None,
        last: int | None = None,
        at: datetime | None = None,
    ) -> None:
        """Write entries under the task's next numbers, and ring its readers on commit.

        The UPDATE of the task's row gives the numbers out, so that their order is the
        order of commits. With `lease`, the id of the run that writes, it is the fence
        too: LeaseLost if that run is no longer the task's live one. `last` is their last
        number where another UPDATE of the same transaction gave it out (`task_updates.move`), `at`
        their time where that is not now.
        """
        with transaction.atomic(savepoint=False):
            if last is None:
                last = _advance(task_id, len(entries), lease)
            if last is None:
                raise LeaseLost(f"Run {lease} is no longer live.")
            first = last - len(entries) + 1
            written = self._write(task_id, run_id or lease, first, entries, at)
            is_announced = any(entry.announces for entry in entries)
            transaction.on_commit(
                lambda: pubsub.publish_entries(
                    task_id, written, is_announced=is_announced
                )
            )

    def _write(
        self,
        task_id: UUID,
        run_id: UUID | None,
        first: int,
        entries: Sequence[NewEntry],
        at: datetime | None,
    ) -> list[tuple[int, str]]:
        at = at or timezone.now()
        rows = [
            LogEntry(
                task_id=task_id,
                run_id=run_id,
                sequence=sequence,
                event_type=entry.event_type,
                message=entry.message,
                data=entry.data,
                recorded_at=at,
            )
            for sequence, entry in enumerate(entries, start=first)
        ]
        announced = [
            insert_for_task(
                task_id,
                entry.announces,
                entry.message,
                events.select_announced(entry.data),
                at,
            )
            for entry in entries
            if entry.announces
        ]
        _insert(*rows, beside=announced)
        return [(row.sequence, row.as_json()) for row in rows]


class LogEntry(models.Model):
    """What happened to a task, numbered from 1 without a gap, only appended."""

    # A log may outlive its task for a moment: it can be too long to go in one transaction.
    task = models.ForeignKey(
        Task,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="log",
        db_index=False,  # the constraint below has one
    )
    run_id = models.UUIDField(null=True, editable=False)
    sequence = models.PositiveIntegerField()
    event_type = models.CharField(max_length=20, choices=EventType)
    message = models.TextField()
    data = models.JSONField(default=dict)
    recorded_at = models.DateTimeField(default=timezone.now)

    objects = LogEntryQuerySet.as_manager()

    class Meta:
        ordering = ["task", "sequence"]
        verbose_name_plural = "log entries"
        constraints = [
            models.UniqueConstraint(
                fields=["task", "sequence"], name="one_entry_per_sequence"
            )
        ]

    def __str__(self) -> str:
        return f"[{self.event_type}] {self.message}"

    def as_json(self) -> str:
        """Return the entry as the log stream sends it."""
        return entry_json(
            self.sequence, self.event_type, self.message, self.recorded_at, self.data
        )


_insert = CompiledInsert(LogEntry)


def entry_json(
    sequence: int, event_type: str, message: str, recorded_at: datetime, data: JSON
) -> str:
    """Return an entry as the log stream sends it."""
    timestamp = iso_text(recorded_at)
    return _as_line(
        log_entries.make_served(sequence, event_type, message, timestamp, data)
    )


def partial_json(text: str) -> str:
    """Return unfinished text as the log stream sends it: like an entry, with no number."""
    return _as_line(log_entries.make_served_partial(text, iso_text(timezone.now())))


def _as_line(content: JSON) -> str:
    return escape_line_ends(
        json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    )
