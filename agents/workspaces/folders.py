"""Where the workspaces of tasks are."""

from pathlib import Path
from uuid import UUID

from django.conf import settings


def folder_of(task_id: UUID) -> Path:
    return all_workspaces() / str(task_id)


def all_workspaces() -> Path:
    """Return the folder that the tasks' folders are in."""
    folder: Path = settings.STAGENT_HOME / "workspaces"
    return folder


def workspace_of(task_id: UUID) -> Path:
    """Return the task's own folder, made if need be."""
    folder = folder_of(task_id)
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()
