"""What a workspace held when a run began, kept beside it: so that what changed can be told.

A run that goes on in the same session is compared with that session's start. Of every file its
marks are kept (size, times, inode), which takes no reading; of small ones the content too, for
diffs. All contents are in one file: to make 10,000 files takes seconds, to fill one does not.
"""

import contextlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from uuid import UUID

from tasks.files.folders import locate_baseline
from tasks.files.listing import Found, Listing, list_files
from tasks.files.workspace import PathRefused, Workspace

MAX_KEPT_FILE = 2**20
MAX_KEPT = 64 * 2**20  # of one workspace
MAX_BASELINE_FILES = 100_000
PRUNED = "pruned"


class Began(NamedTuple):
    """A file as it was: the marks that begin `Found`, in its order.

    `offset` is where its content is kept; None: it is not.
    """

    mode: int
    size: int
    modified_ns: int
    changed_ns: int
    inode: int
    offset: int | None

    def has_marks_of(self, found: Found) -> bool:
        """Tell whether nothing at all was done to the file."""
        return self[:5] == found[:5]


@dataclass(frozen=True)
class Baseline:
    """How a task's folder was when its run began."""

    taken_ns: int
    is_complete: bool
    files: dict[str, Began]
    contents: Path

    @classmethod
    def make_empty(cls) -> "Baseline":
        return cls(0, is_complete=True, files={}, contents=Path(os.devnull))

    def content(self, began: Began) -> bytes | None:
        """Return what a file held; None: that was not kept."""
        if began.offset is None:
            return None
        try:
            with self.contents.open("rb") as file:
                file.seek(began.offset)
                content = file.read(began.size)
        except OSError:  # a later run began meanwhile
            return None
        return content if len(content) == began.size else None


def is_taken(task_id: UUID, session_id: UUID) -> bool:
    """Tell whether the session has begun: its workspace is its agent's."""
    return _manifest(task_id, session_id).exists()


def read_note(task_id: UUID, session_id: UUID) -> Any:
    """Return what `take` was given as a note; None if it was given none."""
    try:
        return json.loads(
            _manifest(task_id, session_id).with_suffix(".note").read_text()
        )
    except FileNotFoundError:
        return None


def take(
    task_id: UUID, session_id: UUID, workspace: Workspace, *, note: Any = None
) -> None:
    """Write down what the workspace holds now. Nothing may run in it.

    `note` is kept beside it: what the session is to be told again when it goes on.
    """
    manifest = _manifest(task_id, session_id)
    manifest.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    manifest.parent.mkdir(mode=0o700, exist_ok=True)
    listing = list_files(workspace, limit=MAX_BASELINE_FILES)
    kept = _keep(listing, workspace, manifest.with_suffix(".contents"))
    if note is not None:
        manifest.with_suffix(".note").write_text(json.dumps(note))
    draft = manifest.with_suffix(".draft")
    draft.write_text(_written(listing, kept))
    draft.rename(manifest)
    _remove_all_but(manifest)


def load(task_id: UUID) -> Baseline | None:
    """Return what the task's last session began with; None if none did."""
    try:
        # The ids of sessions are in the order of their making.
        manifest = max(locate_baseline(task_id).glob("*.json"))
        found = json.loads(manifest.read_text())
    except (ValueError, OSError):  # none, replaced just now, or written only in part
        return None
    return Baseline(
        taken_ns=found["taken"],
        is_complete=found["isComplete"],
        files={path: Began(*marks) for path, *marks in found["files"]},
        contents=manifest.with_suffix(".contents"),
    )


def _manifest(task_id: UUID, session_id: UUID) -> Path:
    return locate_baseline(task_id) / f"{session_id}.json"


def _keep(listing: Listing, workspace: Workspace, target: Path) -> dict[str, Found]:
    """Keep the contents of small files one after the other; return those of which it is."""
    left = MAX_KEPT
    small = {
        path: found
        for path, found in listing.files.items()
        if found.is_file and found.size <= MAX_KEPT_FILE and found.is_agents_own
    }
    kept: dict[str, Found] = {}
    if not small:
        return kept
    with _private(target) as file:
        for path, found in small.items():
            if found.size > left:
                continue
            content = _read(workspace, path, found.size)
            if content is not None:
                file.write(content)
                kept[path] = found
                left -= found.size
    return kept


def _private(path: Path) -> BinaryIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    return open(os.open(path, flags, 0o600), "wb")


def _read(workspace: Workspace, path: str, size: int) -> bytes | None:
    try:
        with workspace.open_file(path, is_handed_out=True) as file:
            content = file.read(size + 1)
    except (OSError, PathRefused):
        return None
    return content if len(content) == size else None


def _written(listing: Listing, kept: dict[str, Found]) -> str:
    offsets, offset = {}, 0
    for path, found in kept.items():  # in the order in which they were written
        offsets[path] = offset
        offset += found.size
    files = [
        (path, *found[:5], offsets.get(path)) for path, found in listing.files.items()
    ]
    manifest = {
        "taken": time.time_ns(),
        "isComplete": listing.is_complete,
        "files": files,
    }
    return json.dumps(manifest, separators=(",", ":"))


def _remove_all_but(manifest: Path) -> None:
    for other in manifest.parent.iterdir():
        if other.stem != manifest.stem:
            with contextlib.suppress(FileNotFoundError):
                other.unlink()
