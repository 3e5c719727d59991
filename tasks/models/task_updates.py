"""The statements that read and change one task, compiled once: every run goes this way."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from stagent.database.compiled import CompiledObjects, CompiledUpdate
from stagent.database.compiled.insert import Statement
from tasks.exceptions import InvalidTransition
from tasks.models.task import Task, TaskQuerySet
from tasks.models.task_status import TRANSITIONS, Status

_by_id = CompiledObjects(
    lambda task_id: Task.objects.filter(pk=task_id).order_by(), task_id=UUID
)


def fetch(task_id: UUID) -> Task | None:
    """Return a task, or None if it is not there."""
    return _by_id.first(task_id=task_id)


def move(task: Task, status: Status, *, entries: int = 0, **changes: object) -> None:
    """Write `status` and `changes`, or raise InvalidTransition and write nothing.

    The UPDATE itself carries the check, so of two callers only one moves. It gives out
    the numbers of so many `entries` of the log too: the last is `log_sequence` then.
    """
    sources = (old for old, new in TRANSITIONS.items() if status in new)
    _move(task, tuple(sources), status, entries, changes)


def move_from(task: Task, source: Status, status: Status, **changes: object) -> None:
    """Do the same, from one status only: of all that may become `status`, `source`."""
    _move(task, (source,), status, 0, changes)


def _move(
    task: Task,
    sources: tuple[Status, ...],
    status: Status,
    entries: int,
    changes: dict[str, Any],
) -> None:
    changes |= {"status": status, "updated_at": timezone.now()}
    kinds = tuple((name, type(value)) for name, value in changes.items())
    compiled = _compile_change(kinds, sources, entries=entries)
    if not compiled.refresh(task, task_id=task.pk, **changes):
        _by_id.refresh(task, task_id=task.pk)
        raise InvalidTransition(f"A {task.status} task cannot become {status}.")


_NOTHING = models.Value(0, models.PositiveBigIntegerField())
_add_time = CompiledUpdate(
    lambda task_id, milliseconds: (
        Task.objects.filter(pk=task_id),
        {"took_milliseconds": Coalesce("took_milliseconds", _NOTHING) + milliseconds},
    ),
    task_id=UUID,
    milliseconds=int,
)


def add_time(task_id: UUID, milliseconds: int) -> None:
    """Count the time of a run that has ended. The caller's transaction holds the task's row."""
    _add_time(task_id=task_id, milliseconds=milliseconds)


def change(
    task_id: UUID,
    *,
    sources: tuple[Status, ...] = (),
    lease: UUID | None = None,
    beside: Sequence[Statement] = (),
    **changes: Any,
) -> bool:
    """Write `changes` of a task's columns and the time of it, and tell whether it was done.

    Only if the task's status is one of `sources`, and the run `lease` its live one. What is
    `beside` is done before; on PostgreSQL it is a part of the same statement.
    """
    changes["updated_at"] = timezone.now()
    kinds = tuple((name, type(value)) for name, value in changes.items())
    compiled = _compile_change(kinds, sources, is_fenced=lease is not None)
    return bool(compiled(beside=beside, task_id=task_id, lease=lease, **changes))


@lru_cache(maxsize=256)
def _compile_change(
    kinds: tuple[tuple[str, type], ...],
    sources: tuple[Status, ...],
    *,
    is_fenced: bool = False,
    entries: int = 0,
) -> CompiledUpdate:
    """Return the UPDATE of one set of columns."""

    def build(
        task_id: UUID, lease: UUID | None = None, **changes: Any
    ) -> tuple[TaskQuerySet, dict[str, Any]]:
        tasks = Task.objects.filter(pk=task_id)
        if sources:
            tasks = tasks.filter(status__in=sources)
        if is_fenced:
            tasks = tasks.filter(live_run=lease)
        return tasks, nulls | numbers | changes

    nulls = {name: None for name, kind in kinds if kind is type(None)}
    numbers = {"log_sequence": F("log_sequence") + entries} if entries else {}
    types = {name: kind for name, kind in kinds if name not in nulls}
    fence: dict[str, type] = {"lease": UUID} if is_fenced else {}
    return CompiledUpdate(build, task_id=UUID, **fence, **types)
