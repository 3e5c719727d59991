"""Where the folders of tasks are: what an agent works in, and what that began with."""

from pathlib import Path
from uuid import UUID

from django.conf import settings

from tasks.files.workspace import Workspace

# What a run is given, in the workspace: documents, and what the steps of a workflow before it said.
DOCUMENTS = "documents"
RESULTS = "results"
# What an agent leaves there is kept as documents.
OUTPUTS = "outputs"


class FilesGone(Exception):
    """The task has no folder: it never ran, or its files were pruned."""


def locate_folder(task_id: UUID) -> Path:
    """Return where the task's workspace is, once a run has begun."""
    return all_workspaces() / str(task_id)


def all_workspaces() -> Path:
    """Return the folder that the tasks' folders are in."""
    folder: Path = settings.STAGENT_HOME / "workspaces"
    return folder


def locate_workspace(task_id: UUID) -> Path:
    """Return the task's own folder, made if need be."""
    folder = locate_folder(task_id)
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def open_workspace(task_id: UUID) -> Workspace:
    """Return the door to a task's files as they are, or raise FilesGone.

    What stands in the place of the folder must be a folder: not a link to another one.
    """
    folder = all_workspaces().resolve() / str(task_id)
    workspace = Workspace(folder)
    if workspace.root != str(folder) or not folder.is_dir():
        raise FilesGone
    return workspace


def locate_baseline(task_id: UUID) -> Path:
    """Return where it is kept what the workspace began with. No agent sees that folder."""
    folder: Path = settings.STAGENT_HOME / "baselines" / str(task_id)
    return folder
