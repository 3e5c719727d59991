import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models.functions import Now

from stagent.database.compiled import CompiledInsert, CompiledQuery, CompiledUpdate
from tasks.models.ids import new_id

JSON = dict[str, Any]


class SessionQuerySet(models.QuerySet["Session"]):
    """Sessions."""

    def insert(self, *rows: "Session") -> None:
        """Insert new rows by one statement that is compiled once, as `save()` would."""
        _insert(*rows)


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

    objects = SessionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.runtime} session of {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def has_checkpoint(self) -> bool:
        return bool(self.state)


class SessionItem(models.Model):
    """One wire item of a conversation: a message, a tool's result, a transcript line."""

    session = models.ForeignKey(
        Session,
        on_delete=models.CASCADE,
        related_name="items",
        db_index=False,  # the constraint below has one
    )
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


# --- Compiled once: every turn of every run goes this way -------------------------------

_insert = CompiledInsert(Session)
_insert_items = CompiledInsert(SessionItem)
_last_position = CompiledQuery(
    lambda session_id: (
        SessionItem.objects.filter(session_id=session_id)
        .order_by("-position")
        .values_list("position")[:1]
    ),
    session_id=UUID,
)
_state_query = CompiledQuery(
    lambda session_id: (
        Session.objects.filter(pk=session_id).order_by().values_list("state")
    ),
    session_id=UUID,
)
_items_query = CompiledQuery(
    lambda session_id: (
        SessionItem.objects.filter(session_id=session_id)
        .order_by("position")
        .values_list("data")
    ),
    session_id=UUID,
)
_move_on = CompiledUpdate(
    lambda session_id, state: (
        Session.objects.filter(pk=session_id),
        {"state": state, "updated_at": Now()},
    ),
    session_id=UUID,
    state=str,
)
_change_state = CompiledUpdate(
    lambda session_id, state: (
        Session.objects.filter(pk=session_id).exclude(state=state),
        {"state": state, "updated_at": Now()},
    ),
    session_id=UUID,
    state=str,
)


def keep(session_id: UUID, state: JSON, new_items: Sequence[JSON]) -> None:
    """Move a session's checkpoint on. The caller's transaction holds the task's row.

    What is kept already is no step forward: `updated_at` stays then.
    """
    if not new_items:
        _change_state(session_id=session_id, state=json.dumps(state))
        return
    _move_on(session_id=session_id, state=json.dumps(state))
    (last,) = _last_position.first(session_id=session_id) or (0,)
    items = (
        SessionItem(session_id=session_id, position=position, data=json.dumps(item))
        for position, item in enumerate(new_items, start=last + 1)
    )
    _insert_items(*items)


def has_kept(session_id: UUID, state: JSON, new_items: Sequence[JSON]) -> bool:
    """Tell whether the last `keep()` was this one."""
    if _state_query.first(session_id=session_id) != (json.dumps(state),):
        return False
    last = SessionItem.objects.filter(session_id=session_id).order_by("-position")
    texts = last.values_list("data", flat=True)[: len(new_items)]
    return list(texts) == [json.dumps(item) for item in reversed(new_items)]


def load_checkpoint(session_id: UUID) -> tuple[JSON, list[JSON]] | None:
    """Return the last state and all items so far, or None before the first."""
    (state,) = _state_query.first(session_id=session_id) or ("",)
    if not state:
        return None
    items = _items_query.rows(session_id=session_id)
    return json.loads(state), [json.loads(text) for (text,) in items]
