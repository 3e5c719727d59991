"""Search files for a regular expression, in a process of its own.

RE2 takes time in proportion to the text, whatever the pattern, where Python's `re` can
backtrack for ever. A process can be ended besides: the kernel's alarm ends this one. Started
by `agents.tools.search`, with the standard library and RE2 alone; it finds the folder or
file to search open already, as a descriptor.
"""

import json
import os
import re
import resource
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Protocol

import re2

MAX_FILES = 20_000
MAX_MATCHES = 300
MAX_FILE_BYTES = 10 * 2**20
MAX_LINE_CHARACTERS = 2_000  # of a line, what is looked at
SHOWN_CHARACTERS = 300
MAX_OUTPUT_CHARACTERS = 28_000
MAX_MEMORY_BYTES = 2**30
MAX_COMPILED_BYTES = 2**20  # of a pattern: beyond it, making it takes long
SNIFFED_BYTES = 8_192
# Nobody means these; they are searched where they are named as the path.
SKIPPED = {".git", ".venv", "__pycache__", "node_modules"}


class Pattern(Protocol):
    """What is used of RE2, which has no types."""

    def search(self, text: bytes) -> object: ...
    def fullmatch(self, text: bytes) -> object: ...


def compile_pattern(expression: str) -> Pattern:
    """Compile, or raise ValueError that says what is wrong with it."""
    options = re2.Options()
    options.log_errors, options.max_mem = False, MAX_COMPILED_BYTES
    try:
        pattern: Pattern = re2.compile(expression, options)
    except re2.error as error:
        raise ValueError(error.args[0].decode("utf-8", "replace")) from None
    return pattern


def translate_glob(glob: str) -> str:
    """Translate a glob over names of files, with sets such as [a-z] and [!a]."""
    parts = re.split(r"(\*+|\?|\[!?\]?[^\]]*\])", glob.removeprefix("**/"))
    return "(?s)" + "".join(map(_translate_part, parts))


def _translate_part(part: str) -> str:
    if part[:1] in {"*", "?"}:
        return ".*" if part[0] == "*" else "."
    if part.startswith("[") and part.endswith("]") and len(part) > 2:
        negation = "^" if part[1] == "!" else ""
        members = re.sub(r"([\\\[\]^])", r"\\\1", part[1 + len(negation) : -1])
        return f"[{negation}{members}]"
    return str(re2.escape(part))


def main(handle: int, located: str, pattern: str, glob: str, seconds: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, seconds)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    matcher, names = compile_pattern(pattern), compile_pattern(translate_glob(glob))
    by_path = "/" in glob.removeprefix("**/")
    shown = characters = 0
    for path, data in _read_texts(
        handle, PurePosixPath(located), names, by_path=by_path
    ):
        for line in _find_matches(matcher, data):
            found = f"{path}:{line}\n"
            characters += len(found)
            if shown == MAX_MATCHES or characters > MAX_OUTPUT_CHARACTERS:
                _write(f"… and more: the first {shown:,} matches are shown\n")
                return
            _write(found)
            shown += 1


def _read_texts(
    handle: int, located: PurePosixPath, names: Pattern, *, by_path: bool
) -> Iterator[tuple[str, bytes]]:
    if stat.S_ISREG(os.fstat(handle).st_mode):
        yield str(located), _read_content(os.dup(handle))
        return
    looked_at = 0
    for name, folder in _walk_files(handle, names, by_path=by_path):
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
        yield str(located / name), _read_content(file)


def _walk_files(
    handle: int, names: Pattern, *, by_path: bool
) -> Iterator[tuple[str, int]]:
    """Walk by descriptors, following no link: yield path and folder of plain files."""
    for root, folders, files, folder in os.fwalk(".", dir_fd=handle):
        folders[:] = sorted(set(folders) - SKIPPED)
        for name in sorted(files):
            path = os.path.normpath(os.path.join(root, name))
            matched = os.fsencode(path if by_path else name)
            if names.fullmatch(matched) and _is_file(name, folder):
                yield path, folder


def _is_file(name: str, folder: int) -> bool:
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _read_content(file: int) -> bytes:
    """Read a text file; of a binary, special or very long one, nothing."""
    with open(file, "rb") as opened:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_FILE_BYTES:
            return b""
        data = opened.read(MAX_FILE_BYTES)
    return b"" if b"\0" in data[:SNIFFED_BYTES] else data


def _find_matches(matcher: Pattern, data: bytes) -> Iterator[str]:
    for number, line in enumerate(data.split(b"\n"), 1):
        text = line[: MAX_LINE_CHARACTERS * 4].decode("utf-8", "replace").rstrip("\r")
        if matcher.search(text[:MAX_LINE_CHARACTERS].encode()):
            cut = "…" if len(text) > SHOWN_CHARACTERS else ""
            yield f"{number}: {text[:SHOWN_CHARACTERS]}{cut}"


def _write(text: str) -> None:
    # At once, so that what was found before the alarm is not lost.
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
