"""Removes the files of a task: its folder, and what that began with."""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from tasks.files.baseline import PRUNED
from tasks.files.folders import locate_baseline, locate_folder


def remove_files(task_id: UUID) -> bool:
    """Remove all of a task that was deleted; False if something could not be."""
    is_gone = remove_folder(locate_folder(task_id))
    return remove_folder(locate_baseline(task_id)) and is_gone


def prune_files(task_id: UUID) -> bool:
    """Remove the files of a task that stays, in which nothing runs, and keep that it was done."""
    if not remove_files(task_id):
        return False
    folder = locate_baseline(task_id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / PRUNED).touch()
    return True


def remove_folder(folder: Path) -> bool:
    """Remove a folder and never what links in it lead to; True if nothing is left."""
    if folder.is_symlink():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        _make_writable(folder)
        shutil.rmtree(folder, ignore_errors=True)
    return not os.path.lexists(folder)


def _make_writable(folder: Path) -> None:
    """Let the files in it be removed: package caches take away the right to write."""
    with suppress(OSError):  # of somebody else's; then the rest stays too
        for _, _, _, handle in os.fwalk(folder):
            os.fchmod(handle, 0o700)
