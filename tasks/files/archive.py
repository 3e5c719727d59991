"""A zip of a task's files, made while it is sent: never whole in memory or on disk."""

import io
import stat
import time
import zipfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from tasks.files.changes import TaskFile, TaskFiles
from tasks.files.diff import explain_not_served
from tasks.files.listing import Found, show_path
from tasks.files.workspace import PathRefused, Workspace

MAX_FILES = 20_000
MAX_BYTES = 2 * 2**30  # of what is packed
CHUNK_BYTES = 256 * 2**10
LEFT_OUT = "NOT-IN-THIS-ARCHIVE.txt"
MAX_NAMED = 1_000  # of those that are left out
_ZIP64_BYTES = 2**31 - 1
_FIRST_YEAR, _LAST_YEAR = 1980, 2107


def write_zip(files: TaskFiles, chosen: Iterable[TaskFile]) -> Iterator[bytes]:
    """Yield an archive of the chosen files.

    What is no plain file of the agent's, and what is too much, is named in a file of its own.
    """
    sink = _Sink()
    archive = _Archive(files.workspace, sink)
    with archive.zip:
        for file in chosen:
            if file.found is not None:
                for _ in archive.add(file.path, file.found):
                    if sink.is_full:
                        yield sink.take()
        if not files.is_complete:
            archive.left_out.append("More files than are looked at.")
        archive.say_what_is_left_out()
    yield sink.take()


class _Sink(io.RawIOBase):
    """Where the archive is written to and read from, a piece at a time."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._written += data
        return len(data)

    @property
    def is_full(self) -> bool:
        return len(self._written) >= CHUNK_BYTES

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken


class _Archive:
    def __init__(self, workspace: Workspace | None, sink: _Sink) -> None:
        self.workspace = workspace
        self.zip = zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED)
        self.left_out: list[str] = []
        self._names: set[str] = {LEFT_OUT}
        self._left = MAX_BYTES

    def add(self, path: str, found: Found) -> Iterator[None]:
        """Pack a file; each time that something can be sent, yield."""
        reason = explain_not_served(found)
        if len(self._names) > MAX_FILES or found.size > self._left:
            reason = reason or "It is too much for one archive."
        name = _name(path)
        if name in self._names:
            reason = reason or "Another file has its name in the archive."
        if reason or self.workspace is None:
            self.left_out.append(f"{show_path(path)!r}: {reason}")
            return
        self._names.add(name)
        self._left -= found.size
        try:
            with self.workspace.open_file(path, is_handed_out=True) as file:
                yield from self._pack(_head(name, found), file)
        except (OSError, PathRefused) as error:  # gone, or something else by now
            self.left_out.append(f"{show_path(path)!r}: {type(error).__name__}")

    def _pack(self, head: zipfile.ZipInfo, file: BinaryIO) -> Iterator[None]:
        left = head.file_size  # what it has grown by since is not packed
        is_large = left > _ZIP64_BYTES
        with self.zip.open(head, "w", force_zip64=is_large) as packed:
            while left > 0 and (chunk := file.read(min(CHUNK_BYTES, left))):
                packed.write(chunk)
                left -= len(chunk)
                yield

    def say_what_is_left_out(self) -> None:
        if not self.left_out:
            return
        lines = [f"{len(self.left_out):,} left out:", *self.left_out[:MAX_NAMED]]
        self.zip.writestr(LEFT_OUT, "\n".join(lines) + "\n")


def _head(name: str, found: Found) -> zipfile.ZipInfo:
    modified = time.gmtime(found.modified_ns // 10**9)
    year = min(max(modified.tm_year, _FIRST_YEAR), _LAST_YEAR)
    head = zipfile.ZipInfo(name, (year, *modified[1:6]))
    head.compress_type = zipfile.ZIP_DEFLATED
    head.external_attr = (stat.S_IFREG | stat.S_IMODE(found.mode) & 0o777) << 16
    head.file_size = found.size
    return head


def _name(path: str) -> str:
    """Return a path for the archive: what unpacks it elsewhere takes no part for a way out."""
    return "".join(
        char if char.isprintable() and char not in "\\:" else "_"
        for char in show_path(path).replace("\\", "_")
    )
