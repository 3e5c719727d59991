"""What became of a task's files since its run began: new, changed, deleted or unchanged.

Names and marks tell it: a file is read only where its marks changed and its size did not,
and its beginning is kept. So 10,000 files take a fifth of a second, whatever is in them.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from tasks.files.baseline import MAX_KEPT_FILE, PRUNED, Baseline, Began, load
from tasks.files.folders import FilesGone, locate_baseline, open_workspace
from tasks.files.listing import Found, Listing, list_files
from tasks.files.workspace import PathRefused, Workspace


class State(StrEnum):
    """What became of a file since the run began."""

    NEW = "new"
    CHANGED = "changed"
    DELETED = "deleted"
    UNCHANGED = "unchanged"


MADE = frozenset({State.NEW, State.CHANGED})


@dataclass(frozen=True)
class TaskFile:
    """A file of a task. `found` is None for one that was deleted, `began` for a new one."""

    path: str
    state: State
    found: Found | None
    began: Began | None

    @property
    def modified_at(self) -> datetime | None:
        """When it was last written; None if it is deleted, or says what is no time."""
        if self.found is None:
            return None
        try:
            return datetime.fromtimestamp(self.found.modified_ns / 1e9, UTC)
        except (ValueError, OverflowError):  # an agent may set any
            return None


@dataclass(frozen=True)
class TaskFiles:
    """The files of a task by their paths, and since when they are compared."""

    files: list[TaskFile]
    is_complete: bool
    since: datetime | None
    workspace: Workspace | None
    baseline: Baseline | None

    def counts(self) -> dict[str, int]:
        counted = Counter(file.state for file in self.files)
        return {state.value: counted[state] for state in State}

    def filter_states(self, states: Collection[State]) -> list[TaskFile]:
        return [file for file in self.files if file.state in states]


NONE = TaskFiles(files=[], is_complete=True, since=None, workspace=None, baseline=None)


def pruned_at(task_id: UUID) -> datetime | None:
    """Return when the task's files were removed; None if they were not."""
    try:
        mark = (locate_baseline(task_id) / PRUNED).stat()
    except OSError:
        return None
    return datetime.fromtimestamp(mark.st_mtime, UTC)


def files_of(task_id: UUID, *, under: str = "") -> TaskFiles:
    """Return the files of a task, or of one of its folders; of one that never ran, none.

    Raises PathRefused where `under` leads outside.
    """
    try:
        workspace = open_workspace(task_id)
    except FilesGone:
        return NONE
    folder = workspace.locate(under).strip("/")
    try:
        listing = list_files(workspace, under=folder)
    except OSError:  # no such folder, or no folder; there may have been one
        listing = Listing()
    began = load(task_id) or Baseline.make_empty()
    return TaskFiles(
        files=sorted(_compare(listing, began, workspace, folder), key=_sort_key),
        is_complete=listing.is_complete,
        since=_time(began.taken_ns),
        workspace=workspace,
        baseline=began,
    )


def _sort_key(file: TaskFile) -> str:
    return file.path


def _time(nanoseconds: int) -> datetime | None:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC) if nanoseconds else None


def _compare(
    listing: Listing, baseline: Baseline, workspace: Workspace, folder: str
) -> list[TaskFile]:
    files = [
        TaskFile(
            path,
            _state(path, found, baseline, workspace),
            found,
            baseline.files.get(path),
        )
        for path, found in listing.files.items()
    ]
    if listing.is_complete:
        prefix = f"{folder}/" if folder else ""
        files += [
            TaskFile(path, State.DELETED, None, began)
            for path, began in baseline.files.items()
            if path not in listing.files and path.startswith(prefix)
        ]
    return files


def _state(path: str, found: Found, baseline: Baseline, workspace: Workspace) -> State:
    began = baseline.files.get(path)
    if began is None:
        # Of more files than are written down, the kernel's own mark tells it.
        was_there = not baseline.is_complete and found.changed_ns < baseline.taken_ns
        return State.UNCHANGED if was_there else State.NEW
    if began.has_marks_of(found):
        return State.UNCHANGED
    if found.mode != began.mode or found.size != began.size or not found.is_file:
        return State.CHANGED
    before = baseline.content(began)
    is_same = before is not None and before == read_small(workspace, path)
    return State.UNCHANGED if is_same else State.CHANGED


def read_small(workspace: Workspace, path: str) -> bytes | None:
    """Return what a file holds; None: it is larger than what is compared, or not to be read."""
    try:
        with workspace.open_file(path, is_handed_out=True) as file:
            content = file.read(MAX_KEPT_FILE + 1)
    except (OSError, PathRefused):
        return None
    return content if len(content) <= MAX_KEPT_FILE else None
