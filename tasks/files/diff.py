"""What a run changed, as `git diff` writes it: file by file, and bounded."""

import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tasks.files.changes import State, TaskFile, TaskFiles, read_small
from tasks.files.listing import Found

MAX_FILES = 1_000
MAX_BYTES = 10 * 2**20  # of all of it together
COMPARE_SECONDS = 10
DIFFERENT = frozenset({State.NEW, State.CHANGED, State.DELETED})
# As far as git looks for what makes a file binary.
_HEAD_BYTES = 8_000
_PERMISSIONS = 0o100755, 0o100644


def write_diff(files: TaskFiles, *, path: str = "") -> Iterator[bytes]:
    """Yield the diff of all that is not as it was, or of one file, a piece for each file."""
    different = [
        file for file in files.filter_states(DIFFERENT) if path in {"", file.path}
    ]
    written = 0
    for number, file in enumerate(different):
        if number == MAX_FILES or written > MAX_BYTES:
            left = len(different) - number
            yield f"# {left:,} more files differ and are not shown: ask for each.\n".encode()
            return
        piece = b"".join(_write_file_diff(files, file))
        written += len(piece)
        yield piece
    if not files.is_complete:
        yield b"# There are more files than are looked at.\n"


def _write_file_diff(files: TaskFiles, file: TaskFile) -> Iterator[bytes]:
    before, after = f"a/{file.path}", f"b/{file.path}"
    yield f"diff --git {_name(before)} {_name(after)}\n".encode()
    if file.began is None:
        yield f"new file mode {_mode(file.found.mode if file.found else 0)}\n".encode()
        before = "/dev/null"
    elif file.found is None:
        yield f"deleted file mode {_mode(file.began.mode)}\n".encode()
        after = "/dev/null"
    elif file.found.mode != file.began.mode:
        yield f"old mode {_mode(file.began.mode)}\n".encode()
        yield f"new mode {_mode(file.found.mode)}\n".encode()
    old, new = _contents(files, file)
    if old is None or new is None:
        yield f"# {_why_not_shown(file, old, new)}\n".encode()
    elif _is_binary(old) or _is_binary(new):
        yield f"Binary files {_name(before)} and {_name(after)} differ\n".encode()
    elif lines := _hunks(old, new):
        yield f"--- {_line(before)}\n+++ {_line(after)}\n".encode() + lines


def _contents(files: TaskFiles, file: TaskFile) -> tuple[bytes | None, bytes | None]:
    old: bytes | None = b""
    new: bytes | None = b""
    if file.began is not None and files.baseline is not None:
        old = files.baseline.content(file.began)
    if file.found is not None and files.workspace is not None:
        new = read_small(files.workspace, file.path) if file.found.is_file else None
    return old, new


def _why_not_shown(file: TaskFile, old: bytes | None, new: bytes | None) -> str:
    if file.found is not None and new is None:
        return explain_not_served(file.found) or "It is too large to be compared."
    return "What it was is not kept: it was too large, or no plain file."


def explain_not_served(found: Found) -> str:
    """Say why what is no plain file of the agent's is named only; "" if it is served."""
    if found.is_link:
        return "It is a link."
    if not found.is_file:
        return "It is a pipe, a socket or a device."
    if not found.is_agents_own:
        return (
            "It has other names (hard links), so that it may not be of this workspace."
        )
    return ""


def _mode(mode: int) -> str:
    executable, plain = _PERMISSIONS
    if not stat.S_ISREG(mode):
        return f"{stat.S_IFMT(mode):06o}"
    return f"{executable if mode & 0o100 else plain:06o}"


def _name(path: str) -> str:
    """Write a path as git does: in quotes, if it holds what would end a line or the quotes."""
    if path.isprintable() and not set('"\\') & set(path):
        return path
    escaped = (
        chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\{byte:03o}"
        for byte in os.fsencode(path)
    )
    return f'"{"".join(escaped)}"'


def _line(path: str) -> str:
    """Write a path that ends a line: after a tab, blanks in it are its own."""
    return f"{_name(path)}\t" if " " in path else _name(path)


def _is_binary(content: bytes) -> bool:
    return b"\0" in content[:_HEAD_BYTES]


def _hunks(old: bytes, new: bytes) -> bytes:
    if old and new:
        return _compare(old, new)
    if new:
        return _write_all(new, b"+", b"@@ -0,0 +1%b @@\n")
    return _write_all(old, b"-", b"@@ -1%b +0,0 @@\n") if old else b""


def _write_all(content: bytes, sign: bytes, head: bytes) -> bytes:
    lines = content.removesuffix(b"\n").split(b"\n")
    count = f",{len(lines)}".encode() if len(lines) > 1 else b""
    body = b"".join(sign + line + b"\n" for line in lines)
    end = b"" if content.endswith(b"\n") else b"\\ No newline at end of file\n"
    return head % count + body + end


def _compare(old: bytes, new: bytes) -> bytes:
    """Compare two texts in a process that can be ended: some take for ever."""
    with tempfile.TemporaryDirectory(prefix="stagent-diff-") as folder:
        files = Path(folder, "old"), Path(folder, "new")
        for file, content in zip(files, (old, new), strict=True):
            file.write_bytes(content)
        try:
            done = subprocess.run(  # noqa: S603 (the names are ours)
                ["diff", "-u", "--", *map(str, files)],  # noqa: S607
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=COMPARE_SECONDS,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                check=False,
            )
        except FileNotFoundError:
            return b"# This machine has no program `diff` to compare with.\n"
        except subprocess.TimeoutExpired:
            return b"# To compare it takes too long.\n"
    # Without the two lines that name our files.
    return done.stdout.split(b"\n", 2)[2] if done.returncode == 1 else b""
