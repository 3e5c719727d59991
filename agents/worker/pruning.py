"""Removes what finished tasks left and nobody needs any more: logs, workspaces, tasks themselves.

What was spent stays in the book. A task that is taken up again meanwhile is passed over: it is
looked at anew under its lock.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from stagent.database import persistent_connections
from stagent.database.threads import Threads
from tasks import lifecycle
from tasks.files.folders import locate_baseline, locate_folder
from tasks.files.removal import prune_files, remove_folder
from tasks.models import LogEntry, Run, Task, WorkflowRun
from tasks.models.task import TaskQuerySet
from tasks.models.task_status import FINAL
from tasks.observability import log_context

BATCH = 100
ENTRIES_AT_ONCE = 1_000
NIGHT_HOUR = 3  # UTC
DAY = timedelta(days=1)
# Of a workspace that was taken out of its place, and is being removed.
ASIDE = ".pruned"

log = logging.getLogger(__name__)
# Its own: a big folder takes a while to remove.
_threads = Threads(1, "pruning")


class Kind(StrEnum):
    """What can be removed of a finished task."""

    LOGS = "logs"
    WORKSPACES = "workspaces"
    TASKS = "tasks"


Step = tuple[Kind, bool]  # what was looked at, and whether something was removed


def prune(
    kinds: Collection[Kind],
    *,
    until: datetime,
    since: datetime | None = None,
    dry_run: bool = False,
) -> Iterator[Step]:
    """Remove `kinds` of the tasks that ended, and were not changed, between these times.

    Each step is small, so that others go on in between.
    """
    act = _WOULD if dry_run else _REMOVE
    for task_id in _find_old_tasks(since, until):
        for kind in kinds:
            yield kind, act[kind](task_id, until)


def _find_old_tasks(since: datetime | None, until: datetime) -> Iterator[UUID]:
    """Yield them in the order of an index, a batch at a time: the table may be long."""
    old = _list_prunable(until).order_by("updated_at", "pk")
    if since:
        old = old.filter(updated_at__gte=since)
    place = Q()
    while batch := list(old.filter(place).values_list("updated_at", "pk")[:BATCH]):
        yield from (task_id for _, task_id in batch)
        at, last = batch[-1]
        place = Q(updated_at__gte=at) & (Q(updated_at__gt=at) | Q(pk__gt=last))


def _list_prunable(until: datetime) -> TaskQuerySet:
    """Return finished tasks that no worker winds down and no live workflow run needs."""
    held = Run.objects.filter(task=OuterRef("pk"), lease_expires_at__gt=Now())
    needed = WorkflowRun.objects.live().filter(pk=OuterRef("workflow_run"))
    old = Task.objects.filter(status__in=FINAL, live_run=None, updated_at__lt=until)
    return old.exclude(Exists(held)).exclude(Exists(needed))


def _lock_prunable(task_id: UUID, until: datetime) -> Task | None:
    return (
        _list_prunable(until).select_for_update(of=("self",)).filter(pk=task_id).first()
    )


def _remove_task(task_id: UUID, until: datetime) -> bool:
    with transaction.atomic():
        task = _lock_prunable(task_id, until)
        if task is None:
            return False
        lifecycle.delete(task)
    return True


def _remove_log(task_id: UUID, until: datetime) -> bool:
    removed = False
    while _has_log(task_id):
        with transaction.atomic():
            if _lock_prunable(task_id, until) is None:
                break
            LogEntry.objects.remove_some(task_id, ENTRIES_AT_ONCE)
            removed = True
    return removed


def _remove_workspace(task_id: UUID, until: datetime) -> bool:
    folders = (locate_folder(task_id), locate_baseline(task_id))
    asides = [folder.with_name(f"{folder.name}{ASIDE}") for folder in folders]
    if folders[0].is_dir():
        with transaction.atomic():
            if _lock_prunable(task_id, until) is None:
                return False
            # Out of their place at once: a run that begins now makes new ones.
            for folder, aside in zip(folders, asides, strict=True):
                if folder.is_dir():
                    folder.rename(aside)
            prune_files(task_id)
    removed = [remove_folder(aside) for aside in asides if aside.is_dir()]
    return bool(removed) and all(removed)


def _has_log(task_id: UUID) -> bool:
    return LogEntry.objects.filter(task_id=task_id).exists()


_Act = Callable[[UUID, datetime], bool]
_REMOVE: dict[Kind, _Act] = {
    Kind.LOGS: _remove_log,
    Kind.WORKSPACES: _remove_workspace,
    Kind.TASKS: _remove_task,
}
_WOULD: dict[Kind, _Act] = {
    Kind.LOGS: lambda task_id, until: _has_log(task_id),
    Kind.WORKSPACES: lambda task_id, until: locate_folder(task_id).is_dir(),
    Kind.TASKS: lambda task_id, until: True,
}


class NightlyPruning:
    """Prunes once a night, if the settings say so; each worker does, and the second finds nothing."""

    def __init__(self) -> None:
        self._next_at = _find_next_night(timezone.now())
        self._pruned_until: datetime | None = None

    async def look(self) -> None:
        now = timezone.now()
        if not settings.STAGENT_PRUNE_DAYS or now < self._next_at:
            return
        until = now - settings.STAGENT_PRUNE_DAYS * DAY
        # After its first night a worker need only look at what became old since.
        walk = prune(
            [Kind(name) for name in settings.STAGENT_PRUNE_KINDS],
            until=until,
            since=self._pruned_until,
        )
        removed: Counter[str] = Counter()
        while step := await _threads.run(persistent_connections.call, next, walk, None):
            kind, was_there = step
            removed[kind] += was_there
        self._next_at, self._pruned_until = _find_next_night(now), until
        log.info(
            "Pruned: %s.",
            describe_counts(removed),
            extra=log_context.make_extra("prune"),
        )


def _find_next_night(after: datetime) -> datetime:
    night = after.replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    return night if night > after else night + DAY


def describe_counts(removed: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {kind}" for kind, n in removed.items() if n) or "nothing"
