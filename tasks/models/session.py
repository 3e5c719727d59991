import json
from typing import Any
from uuid import UUID

from django.db import models

from ledger.prepared import Prepared, PreparedInsert
from tasks.models.ids import new_id

JSON = dict[str, Any]


class Session(models.Model):
    """A conversation with a provider, and what was kept to resume it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    task = models.ForeignKey(
        "tasks.Task", on_delete=models.CASCADE, related_name="sessions"
    )
    runtime = models.CharField(max_length=40)
    # Text, not JSONField: PostgreSQL would reorder keys, and wire items go back as they came.
    state = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.runtime} session of {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def has_checkpoint(self) -> bool:
        return bool(self.state)

    def keep(self, state: JSON, new_items: list[JSON]) -> None:
        """Move the checkpoint on. The caller's transaction holds the task's row."""
        self.state = json.dumps(state)
        self.save(update_fields=["state", "updated_at"])
        (last,) = _last_position.first(session_id=self.pk) or (0,)
        items = (
            SessionItem(session=self, position=position, data=json.dumps(item))
            for position, item in enumerate(new_items, start=last + 1)
        )
        _insert_items(*items)

    def checkpoint(self) -> tuple[JSON, list[JSON]] | None:
        """Return the last state and all items so far, or None before the first."""
        if not self.has_checkpoint:
            return None
        texts = self.items.order_by("position").values_list("data", flat=True)
        return json.loads(self.state), [json.loads(text) for text in texts]


class SessionItem(models.Model):
    """One wire item of a conversation: a message, a tool's result, a transcript line."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    data = models.TextField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["session", "position"], name="one_item_per_position"
            )
        ]

    def __str__(self) -> str:
        return f"{self.position}: {self.data[:60]}"


insert = PreparedInsert(Session)
_insert_items = PreparedInsert(SessionItem)
_last_position = Prepared(
    lambda session_id: (
        SessionItem.objects.filter(session_id=session_id)
        .order_by("-position")
        .values_list("position")[:1]
    ),
    session_id=UUID,
)
