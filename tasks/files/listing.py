"""What is in a workspace: names and what the file system knows of them, no contents."""

import mimetypes
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from tasks.files.workspace import MAX_PATH_BYTES, Workspace, is_agents_own

MAX_FILES = 20_000  # that are listed; more are only said to be there


class Found(NamedTuple):
    """One file, link or other thing that is no folder."""

    mode: int
    size: int
    modified_ns: int
    # Set by the kernel alone: no program puts it back.
    changed_ns: int
    inode: int
    links: int
    owner: int

    @classmethod
    def from_stat(cls, result: os.stat_result) -> "Found":
        return cls(
            result.st_mode,
            result.st_size,
            result.st_mtime_ns,
            result.st_ctime_ns,
            result.st_ino,
            result.st_nlink,
            result.st_uid,
        )

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def is_agents_own(self) -> bool:
        return is_agents_own(self.links, self.owner)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)


@dataclass
class Listing:
    """What was found. A path is relative, "reports/q4.md"; a name may hold any bytes,
    those that are no UTF-8 as lone surrogates."""

    files: dict[str, Found] = field(default_factory=dict)
    is_complete: bool = True


def show_path(path: str) -> str:
    r"""Return a path as text that can be written anywhere: a byte that is no UTF-8 as \xff."""
    return os.fsencode(path).decode(errors="backslashreplace")


def media_type_of(path: str) -> str:
    """Guess a file's media type by its name."""
    return mimetypes.guess_type(f"/{path}")[0] or "application/octet-stream"


def is_text(path: str) -> bool:
    """Tell whether a path can be written as it is, and so be asked for."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def list_files(
    workspace: Workspace, *, under: str = "", limit: int = MAX_FILES
) -> Listing:
    """Look through the located folder `under`, in no particular order, and follow no link.

    One folder is open at a time, so depth costs no descriptors. A folder that goes meanwhile,
    or cannot be read, is passed over. Raises OSError if there is no folder `under`.
    """
    walk = _Walk(workspace, limit)
    walk.look(under.strip("/"))
    while walk.folders and walk.left >= 0:
        try:
            walk.look(walk.folders.pop())
        except FileNotFoundError:
            continue
        except OSError:  # not ours to read, or a link by now
            walk.listing.is_complete = False
    return walk.listing


class _Walk:
    def __init__(self, workspace: Workspace, limit: int) -> None:
        self.listing = Listing()
        self.folders: list[str] = []
        self.left = limit
        self._workspace = workspace

    def look(self, folder: str) -> None:
        with self._workspace.folder(folder) as handle, os.scandir(handle) as entries:
            for entry in entries:
                self.left -= 1
                if self.left < 0:
                    self.listing.is_complete = False
                    return
                with suppress(FileNotFoundError):  # gone since
                    self._add(folder, entry)

    def _add(self, folder: str, entry: "os.DirEntry[str]") -> None:
        path = f"{folder}/{entry.name}" if folder else entry.name
        found = Found.from_stat(entry.stat(follow_symlinks=False))
        if len(os.fsencode(path)) > MAX_PATH_BYTES:
            self.listing.is_complete = False
        elif stat.S_ISDIR(found.mode):
            self.folders.append(path)
        else:
            self.listing.files[path] = found
