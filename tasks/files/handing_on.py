"""The files of some tasks as the beginning of another one: which it gets, and their copies.

They keep their paths, so that one task goes on where another one ended. Where several have a
file, what one of them made goes before what the others only had; two that made different ones
are both there, the later one aside.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from uuid import UUID

from tasks.files import baseline
from tasks.files.changes import (
    MADE,
    State,
    TaskFile,
    TaskFiles,
    files_of,
    pruned_at,
)
from tasks.files.folders import DOCUMENTS, RESULTS
from tasks.files.listing import Found
from tasks.files.workspace import PathRefused, Workspace

MAX_SOURCES = 20  # whose files one task begins with
MAX_FILES = 20_000
MAX_BYTES = 2 * 2**30
CONFLICTS = "conflicts"
CHUNK_BYTES = 2**20
# What each task is given anew: its own documents and results.
_GIVEN = (f"{DOCUMENTS}/", f"{RESULTS}/")


@dataclass(frozen=True)
class FileSource:
    """A task whose files another one begins with."""

    task_id: UUID
    title: str


@dataclass
class HandedOn:
    """What became of the files of one source."""

    title: str
    folder: str  # where those are that differ from another source's
    files: int = 0
    bytes: int = 0
    conflicts: int = 0
    left_out: int = 0


class SourceGone(Exception):
    """The files of a task, which another one is to work on, were removed."""


@dataclass(frozen=True)
class _Pick:
    """A file that is handed on, of the source with this number; or one that is left out."""

    source: int
    file: TaskFile
    is_conflict: bool = False


def begin(
    task_id: UUID,
    session_id: UUID,
    workspace: Workspace,
    *,
    files_from: Sequence[FileSource],
) -> list[HandedOn]:
    """Lay out what a session begins with and write it down, once; return what was handed on.

    A session that goes on has what it has, and is told the same. Raises SourceGone.
    """
    if baseline.is_taken(task_id, session_id):
        note = baseline.read_note(task_id, session_id) or []
        return [HandedOn(**one) for one in note]
    handed = _hand_on(files_from, workspace) if files_from else []
    note = [asdict(one) for one in handed] or None
    baseline.take(task_id, session_id, workspace, note=note)
    return handed


def _hand_on(sources: Sequence[FileSource], workspace: Workspace) -> list[HandedOn]:
    handed = [
        HandedOn(source.title, f"/{CONFLICTS}/{_folder_name(number, source.title)}")
        for number, source in enumerate(sources, start=1)
    ]
    offered = [_list_offered(source) for source in sources]
    copier = _Copier(offered, workspace)
    for pick in _picks(offered):
        copier.copy(pick, handed[pick.source])
    return [one for one in handed if one.files or one.left_out]


def _list_offered(source: FileSource) -> TaskFiles:
    if pruned_at(source.task_id):
        raise SourceGone(
            f"The files of the task “{source.title}”, which this one is to work on, were removed."
        )
    return files_of(source.task_id)


def _picks(offered: Sequence[TaskFiles]) -> Iterator[_Pick]:
    """Yield which file to take of which source; of all, those with the same path together."""
    everything = [
        _Pick(number, file)
        for number, files in enumerate(offered)
        for file in files.files
        if file.state != State.UNCHANGED or not file.path.startswith(_GIVEN)
    ]
    everything.sort(key=lambda pick: (pick.file.path, pick.source))
    for _, group in groupby(everything, key=lambda pick: pick.file.path):
        alike = list(group)
        made = [pick for pick in alike if pick.file.state in MADE]
        if made:
            yield made[0]
            for other in made[1:]:
                if not _are_same(offered, made[0], other):
                    yield _Pick(other.source, other.file, is_conflict=True)
        elif all(pick.file.state == State.UNCHANGED for pick in alike):
            yield alike[0]  # nobody deleted it


def _are_same(offered: Sequence[TaskFiles], one: _Pick, other: _Pick) -> bool:
    first, second = one.file.found, other.file.found
    if first is None or second is None or first.size != second.size:
        return False
    doors = offered[one.source].workspace, offered[other.source].workspace
    if doors[0] is None or doors[1] is None:
        return False
    try:
        with (
            doors[0].open_file(one.file.path, is_handed_out=True) as left,
            doors[1].open_file(other.file.path, is_handed_out=True) as right,
        ):
            while chunk := left.read(CHUNK_BYTES):
                if chunk != right.read(CHUNK_BYTES):
                    return False
    except (OSError, PathRefused):
        return False
    return True


class _Copier:
    def __init__(self, offered: Sequence[TaskFiles], workspace: Workspace) -> None:
        self._list_offered = offered
        self._workspace = workspace
        self._files = MAX_FILES
        self._bytes = MAX_BYTES

    def copy(self, pick: _Pick, handed: HandedOn) -> None:
        """Copy a file, or count that it is left out: what is there stays."""
        found, door = pick.file.found, self._list_offered[pick.source].workspace
        if found is None or door is None:
            return
        path = (
            f"{handed.folder}/{pick.file.path}" if pick.is_conflict else pick.file.path
        )
        is_left_out = not found.is_file or found.size > self._bytes or not self._files
        if is_left_out or not self._copy(door, pick.file.path, path, found):
            handed.left_out += 1
            return
        self._files -= 1
        self._bytes -= found.size
        handed.files += 1
        handed.bytes += found.size
        handed.conflicts += pick.is_conflict

    def _copy(self, door: Workspace, path: str, target: str, found: Found) -> bool:
        try:
            with door.open_file(path, is_handed_out=True) as file:
                self._workspace.add_file(
                    target, file, size=found.size, mode=found.mode & 0o777
                )
        except (OSError, PathRefused):
            return False
        return True


def _folder_name(number: int, title: str) -> str:
    plain = re.sub(r"[^\w-]+", "-", title).strip("-")[:40]
    return f"{number}-{plain}" if plain else str(number)
