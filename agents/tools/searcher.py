"""Search files for a regular expression, in a process of its own.

Python's `re` can backtrack for ever and cannot be interrupted, a process can be ended: the
kernel's alarm ends this one. Started by `agents.tools.search`, with the standard library
alone; it finds the folder or file to search open already, as a descriptor.
"""

import json
import os
import re
import resource
import signal
import stat
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

MAX_FILES = 20_000
MAX_MATCHES = 300
MAX_FILE_BYTES = 10 * 2**20
MAX_LINE_CHARACTERS = 2_000  # of a line, what is looked at
SHOWN_CHARACTERS = 300
MAX_OUTPUT_CHARACTERS = 28_000
MAX_MEMORY_BYTES = 2**30
SNIFFED_BYTES = 8_192
# Nobody means these; they are searched where they are named as the path.
SKIPPED = {".git", ".venv", "__pycache__", "node_modules"}


def main(handle: int, located: str, pattern: str, glob: str, seconds: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, seconds)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    matcher = re.compile(pattern)
    shown = characters = 0
    for path, data in _texts(handle, PurePosixPath(located), glob):
        for line in _matches(matcher, data):
            found = f"{path}:{line}\n"
            characters += len(found)
            if shown == MAX_MATCHES or characters > MAX_OUTPUT_CHARACTERS:
                _write(f"… and more: the first {shown:,} matches are shown\n")
                return
            _write(found)
            shown += 1


def _texts(
    handle: int, located: PurePosixPath, glob: str
) -> Iterator[tuple[str, bytes]]:
    if stat.S_ISREG(os.fstat(handle).st_mode):
        yield str(located), _content(os.dup(handle))
        return
    looked_at = 0
    for name, folder in _files(handle, glob):
        looked_at += 1
        if looked_at > MAX_FILES:
            _write(f"… and more: the first {MAX_FILES:,} files were searched\n")
            return
        try:
            file = os.open(
                os.path.basename(name),
                os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK,
                dir_fd=folder,
            )
        except OSError:  # a link, gone or not ours to read
            continue
        yield str(located / name), _content(file)


def _files(handle: int, glob: str) -> Iterator[tuple[str, int]]:
    """Walk by descriptors, following no link: yield path and folder of plain files."""
    for root, folders, names, folder in os.fwalk(".", dir_fd=handle):
        folders[:] = sorted(set(folders) - SKIPPED)
        for name in sorted(names):
            path = os.path.normpath(os.path.join(root, name))
            if _fits(path, glob) and _is_file(name, folder):
                yield path, folder


def _fits(path: str, glob: str) -> bool:
    glob = glob.removeprefix("**/")
    return fnmatchcase(path if "/" in glob else os.path.basename(path), glob)


def _is_file(name: str, folder: int) -> bool:
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _content(file: int) -> bytes:
    """Read a text file; of a binary, special or very long one, nothing."""
    with open(file, "rb") as opened:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_FILE_BYTES:
            return b""
        data = opened.read(MAX_FILE_BYTES)
    return b"" if b"\0" in data[:SNIFFED_BYTES] else data


def _matches(matcher: re.Pattern[str], data: bytes) -> Iterator[str]:
    for number, line in enumerate(data.split(b"\n"), 1):
        text = line[: MAX_LINE_CHARACTERS * 4].decode("utf-8", "replace").rstrip("\r")
        if matcher.search(text[:MAX_LINE_CHARACTERS]):
            cut = "…" if len(text) > SHOWN_CHARACTERS else ""
            yield f"{number}: {text[:SHOWN_CHARACTERS]}{cut}"


def _write(text: str) -> None:
    # At once, so that what was found before the alarm is not lost.
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
