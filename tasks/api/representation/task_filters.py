"""What a list of tasks is filtered by, such that a page costs the same however many there are.

Each filter is a range of an index in the list's order, or it leaves few tasks, whose keys are
then read first. Text alone has no index: it is looked for in the newest tasks.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import and_, or_
from typing import Any
from uuid import UUID

import orjson
from django.db.models import Exists, OuterRef, Q, QuerySet

from stagent.database.json_text import KeyText
from tasks.models import Run, TaskTag
from tasks.models import Task as TaskModel
from tasks.models.ids import first_id_at, range_of_prefix
from tasks.models.task import TaskQuerySet

# Of a filter that lets through no more than these, their keys are read first.
FEW = 2_000
# Text is looked for among so many of the newest tasks.
SEARCHED_TASKS = 20_000
# A row's time is read after its id is made, and clocks are set.
_CLOCKS = timedelta(minutes=1)

KEY = KeyText("id")
Keys = frozenset[str]


@dataclass(frozen=True)
class TaskFilters:
    """Which tasks are wanted; None, and nothing, is any."""

    statuses: tuple[str, ...] = ()
    project_id: str | None = None
    schedule_id: UUID | None = None
    runtime: str | None = None
    profile: str | None = None
    tags: tuple[str, ...] = ()  # all of them
    created_from: datetime | None = None
    created_until: datetime | None = None  # itself not
    updated_from: datetime | None = None
    updated_until: datetime | None = None  # itself not
    search: str = ""

    @property
    def has_creation(self) -> bool:
        return bool(self.created_from or self.created_until)

    def conditions(self) -> dict[str, Any]:
        """Return what every query of the list has, as `PARTS` names it, but for the status."""
        names = ("project_id", "schedule_id", "runtime", "profile", *_TIMES)
        found = {name: getattr(self, name) for name in names}
        if self.created_from:
            found["from_id"] = first_id_at(self.created_from - _CLOCKS)
        if self.created_until:
            found["until_id"] = first_id_at(self.created_until + _CLOCKS)
        found |= {f"tag_{number}": tag for number, tag in enumerate(self.tags)}
        return {name: value for name, value in found.items() if value is not None}

    def keys(self) -> Keys | None:
        """Return the keys of all tasks that a filter without order lets through; None: many."""
        found = [
            *(_keys_of_tag(tag) for tag in self.tags),
            self._keys_of_update(),
            _search(self.search) if self.search else None,
        ]
        few = [keys for keys in found if keys is not None]
        return reduce(and_, few) if few else None

    def matching(self) -> TaskQuerySet:
        """Return the tasks, for one query over all of them."""
        parts = [part(name, value) for name, value in self.conditions().items()]
        if self.statuses:
            parts.append(Q(status__in=self.statuses))
        return TaskModel.objects.listed().filter(*parts)

    def _keys_of_update(self) -> Keys | None:
        times = [self.updated_from, self.updated_until]
        names = ["updated_from", "updated_until"]
        parts = [part(n, at) for n, at in zip(names, times, strict=True) if at]
        if not parts:
            return None
        rows = TaskModel.objects.filter(*parts).order_by("-updated_at")
        return _few(rows.values_list(KEY, flat=True)[: FEW + 1])


_TIMES = ("created_from", "created_until", "updated_from", "updated_until")

PARTS: dict[str, tuple[type, Any]] = {
    "priority": (int, lambda value: Q(priority=value)),
    "below_id": (UUID, lambda value: Q(pk__lt=value)),
    "beyond_priority": (int, lambda value: Q(priority__gt=value)),
    "project_id": (str, lambda value: Q(project_id=value)),
    "status": (str, lambda value: Q(status=value)),
    "schedule_id": (UUID, lambda value: Q(schedule_id=value)),
    "runtime": (str, lambda value: Q(assigned_agent=value)),
    "profile": (str, lambda value: Q(agent_profile=value)),
    "from_id": (UUID, lambda value: Q(pk__gte=value)),
    "until_id": (UUID, lambda value: Q(pk__lt=value)),
    "created_from": (datetime, lambda value: Q(created_at__gte=value)),
    "created_until": (datetime, lambda value: Q(created_at__lt=value)),
    "updated_from": (datetime, lambda value: Q(updated_at__gte=value)),
    "updated_until": (datetime, lambda value: Q(updated_at__lt=value)),
    "keys": (str, lambda value: Q(pk__among=value)),
}


def part(name: str, value: Any) -> Any:
    """Return the condition of this name: one of `PARTS`, or `tag_N`."""
    if name.startswith("tag_"):
        return Exists(TaskTag.objects.filter(task_id=OuterRef("pk"), name=value))
    return PARTS[name][1](value)


def find_type(name: str) -> type:
    return str if name.startswith("tag_") else PARTS[name][0]


def to_json(keys: Iterable[str]) -> str:
    """Write keys as `pk__among` takes them."""
    return orjson.dumps(list(keys)).decode()


def _few(keys: QuerySet[Any]) -> Keys | None:
    found = frozenset(keys)
    return found if len(found) <= FEW else None


def _keys_of_tag(tag: str) -> Keys | None:
    newest = TaskTag.objects.filter(name=tag).order_by("-task_id")
    return _few(newest.values_list(KeyText("task_id"), flat=True)[: FEW + 1])


def _search(text: str) -> Keys:
    """Find tasks by the beginning of their id, and text in title or error in the newest."""
    found = set()
    if ends := range_of_prefix(text):
        by_id = TaskModel.objects.filter(pk__range=ends).order_by("-pk")
        found |= set(by_id.values_list(KEY, flat=True)[:FEW])
    newest, runs = TaskModel.objects.order_by("-pk"), Run.objects.exclude(error="")
    ids = newest.values_list("pk", flat=True)
    if oldest := next(iter(ids[SEARCHED_TASKS : SEARCHED_TASKS + 1]), None):
        newest, runs = newest.filter(pk__gt=oldest), runs.filter(task_id__gt=oldest)
    titled = newest.order_by().filter(title__icontains=text)
    found |= set(titled.values_list(KEY, flat=True))
    # Only what a task shows as its error.
    failed = runs.filter(
        error__icontains=text, task__status=TaskModel.Status.FAILED
    ).order_by()
    found |= set(failed.values_list(KeyText("task_id"), flat=True))
    return frozenset(found)


def any_status(values: Iterable[str]) -> Q:
    return reduce(or_, (Q(status=value) for value in values))
