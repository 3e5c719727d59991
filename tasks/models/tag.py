"""The tags of tasks, a row each, by which tasks are found."""

from collections.abc import Iterable
from uuid import UUID

import orjson
from django.db import models

from tasks.models.task import Task
from tasks.models.task_updates import change

MAX_TAGS = 20  # of one task
MAX_TAG_LENGTH = 50


class TaskTag(models.Model):
    """One tag of one task. The task has them all as JSON, too, in the order they were given in."""

    task = models.ForeignKey(
        Task, on_delete=models.CASCADE, related_name="tag_rows", db_index=False
    )
    name = models.CharField(max_length=MAX_TAG_LENGTH)

    class Meta:
        ordering = ["name"]
        indexes = [models.Index(fields=["name", "-task"], name="task_tag_newest")]
        constraints = [
            models.UniqueConstraint(fields=["task", "name"], name="one_tag_per_name")
        ]

    def __str__(self) -> str:
        return self.name


def to_text(tags: Iterable[str]) -> str:
    """Write tags as a task's column has them: each once, as JSON."""
    return orjson.dumps(list(dict.fromkeys(tags))).decode()


def add_tags(task: Task) -> None:
    """Write the rows of a new task's tags, in the transaction that makes the task."""
    names = orjson.loads(task.tags)
    TaskTag.objects.bulk_create(TaskTag(task=task, name=name) for name in names)


def replace_tags(task_id: UUID, tags: str) -> None:
    """Give a task these tags instead of its own, in the caller's transaction."""
    # The UPDATE locks the task's row, so that of two calls one is first with all it does.
    if not change(task_id, tags=tags):
        return
    TaskTag.objects.filter(task=task_id).delete()
    TaskTag.objects.bulk_create(
        TaskTag(task_id=task_id, name=name) for name in orjson.loads(tags)
    )
