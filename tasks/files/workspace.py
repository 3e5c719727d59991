"""A task's folder, and the only door to the files in it.

A path is located first: links are followed, and what leaves the folder is refused. It is
used afterwards, and what happens in between must not matter: using a located path walks it
one component at a time and follows no link, so a folder that was swapped for a link since
makes the use fail, and nothing outside is ever touched.

A hard link cannot be told from any other file: where one leads out of the workspace, its
content is read under the name it has here. Writing replaces the name, not the content.
"""

import errno
import os
import secrets
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tasks.access import agent_user
from tasks.rules.patterns import BENEATH

MAX_PATH_BYTES = 1024
CHUNK_BYTES = 2**20
MAX_NAME_BYTES = 255  # of every common file system

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# Without O_NONBLOCK, opening a pipe would wait for its writer.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class PathRefused(Exception):
    """The path leads outside of the workspace or to something that is no plain file."""


OUTSIDE = "outside:"
OTHER_NAMES = "has other names (hard links), which may be those of a file outside of the workspace."


def path_action(
    workspace: "Workspace", kind: str, raw_path: str, *, beneath: bool = False
) -> str:
    """Return the action for a path as an agent with file tools of its own means it.

    A relative path starts at the workspace, an absolute one at the machine's root, and links
    are followed: "write:/reports/q4.md". `beneath` is for tools that go through a folder:
    "read:/reports/**". What lies outside, or cannot be told, becomes
    "write:outside:/etc/hosts": a person sees it and may allow it, no allow rule ever does.
    The action holds for the path it was made of only while no link changes: hand the
    agent's tool the resolved path where it takes one.
    """
    suffix = BENEATH if beneath else ""
    try:
        _require_usable(raw_path)
        target = _resolve(os.path.join(workspace.root, raw_path), raw_path)
        _require_text(target, raw_path)
    except PathRefused:
        return f"{kind}:{OUTSIDE}{raw_path.encode('unicode_escape').decode()}{suffix}"
    if raw_path.startswith("~"):  # some tools expand it, some do not
        return f"{kind}:{OUTSIDE}{raw_path}{suffix}"
    if not workspace.holds(target):
        return f"{kind}:{OUTSIDE}{target.rstrip('/')}{suffix}"
    return f"{kind}:{target.removeprefix(workspace.root) + suffix or '/'}"


class Workspace:
    """The one door to a task's folder: nothing gets out of it, by whatever path or link."""

    def __init__(self, root: Path, *, network: bool = False) -> None:
        self.network = network  # whether commands in it reach the network
        self.root = os.path.realpath(root)
        # Held from reading a file to replacing it, so that of two edits none is lost.
        self.writing = threading.RLock()

    def locate(self, path: str) -> str:
        """Say where `path` leads once links are followed, as "/reports/q4.md"."""
        return self._beneath(_resolve(self._join(path), path), path)

    def locate_for_writing(self, path: str) -> str:
        """Likewise for a file to write, which may be missing but must not be a link."""
        folder, name = os.path.split(self._join(path))
        if name in {"", ".", ".."}:
            raise PathRefused(f"{path!r} is a folder, not a file.")
        target = os.path.join(_resolve(folder, path), name)
        located = self._beneath(target, path)
        if os.path.islink(target):
            raise PathRefused(
                f"{path!r} is a link, and files are not written through links."
            )
        return located

    @contextmanager
    def folder(self, located: str, *, create: bool = False) -> Iterator[int]:
        """Open the folder at a located path, as a descriptor to use as `dir_fd`."""
        handle = os.open(self.root, _FOLDER)
        try:
            for name in filter(None, located.split("/")):
                inner = _enter(handle, name, create=create)
                os.close(handle)
                handle = inner
            yield handle
        finally:
            os.close(handle)

    @contextmanager
    def open_file(
        self, located: str, *, is_handed_out: bool = False
    ) -> Iterator[BinaryIO]:
        """Open the plain file at a located path for reading.

        What is handed out, to people or to another task, must be the agent's own: a file with
        another name may be anybody's, and we may be able to read more than its agent can.
        """
        parent, name = os.path.split(located)
        with self.folder(parent) as folder:
            # Looked at before it is opened, for opening a device can have effects.
            _require_file(
                os.stat(name or ".", dir_fd=folder, follow_symlinks=False), located
            )
            handle = os.open(name, _READ, dir_fd=folder)
        with open(handle, "rb") as file:
            found = os.fstat(handle)
            _require_file(found, located)
            if is_handed_out and not is_agents_own(found.st_nlink, found.st_uid):
                raise PathRefused(f"{located!r} {OTHER_NAMES}")
            yield file

    def replace_file(self, located: str, content: bytes) -> None:
        """Write the file at a located path whole or not at all, with the folders it needs.

        A new file takes the old one's place, so other hard links keep the old content.
        """
        parent, name = os.path.split(located)
        with self.writing, self.folder(parent, create=True) as folder:
            mode = _mode_of(name, folder, located)
            draft = f".{secrets.token_hex(8)}.draft"
            try:
                with open(os.open(draft, _CREATE, 0o666, dir_fd=folder), "wb") as file:
                    agent_user.share(file.fileno(), folder)
                    if mode is not None:
                        os.fchmod(file.fileno(), mode)
                    file.write(content)
                os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(draft, dir_fd=folder)

    def add_file(self, located: str, source: BinaryIO, *, size: int, mode: int) -> bool:
        """Copy `size` bytes of an open file to a located path, whole or not at all.

        False: something is there, and stays. Nothing else may be at work in the workspace.
        """
        parent, name = os.path.split(located)
        with self.folder(parent, create=True) as folder:
            if _is_there(name, folder):
                return False
            draft = f".{secrets.token_hex(8)}.draft"
            try:
                handle = os.open(draft, _CREATE, mode & 0o777, dir_fd=folder)
                with open(handle, "wb") as file:
                    agent_user.share(handle, folder)
                    _copy(source, file, size)
                os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(draft, dir_fd=folder)
        return True

    def holds(self, target: str) -> bool:
        """Tell whether a resolved path of the machine lies in the workspace."""
        return target == self.root or target.startswith(f"{self.root}/")

    def _join(self, path: str) -> str:
        """Take `path` as rooted at the workspace, also where it names the root itself."""
        _require_usable(path)
        if path == self.root or path.startswith(f"{self.root}/"):
            path = path.removeprefix(self.root)
        return os.path.join(self.root, path.strip("/"))

    def _beneath(self, target: str, path: str) -> str:
        if not self.holds(target):
            raise PathRefused(f"{path!r} is outside of the workspace.")
        located = target.removeprefix(self.root) or "/"
        _require_text(located, path)
        return located


def is_agents_own(links: int, owner: int) -> bool:
    """Tell whether a plain file is certainly the agent's, and no other name of another's."""
    return links <= 1 or agent_user.is_agents(owner)


def _resolve(joined: str, path: str) -> str:
    try:
        return os.path.realpath(joined)
    except OSError as error:  # a link that went away meanwhile
        raise PathRefused(f"{path!r}: {error.strerror}") from error


def _require_usable(path: str) -> None:
    if "\0" in path:
        raise PathRefused("A path cannot contain the NUL character.")
    _require_text(path, path)
    encoded = path.encode()
    if len(encoded) > MAX_PATH_BYTES:
        raise PathRefused(f"The path is longer than {MAX_PATH_BYTES:,} bytes.")
    if any(len(name) > MAX_NAME_BYTES for name in encoded.split(b"/")):
        raise PathRefused(f"A name in the path is longer than {MAX_NAME_BYTES} bytes.")


def _require_text(name: str, path: str) -> None:
    """Refuse what cannot be stored or shown: a link may lead to a name in any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise PathRefused(f"{path!a} is not valid text.") from None


def _enter(folder: int, name: str, *, create: bool) -> int:
    is_new = create and _is_made(name, folder)
    handle = os.open(name, _FOLDER, dir_fd=folder)
    if is_new:
        agent_user.share(handle, folder)
    return handle


def _is_made(name: str, folder: int) -> bool:
    try:
        os.mkdir(name, dir_fd=folder)
    except FileExistsError:
        return False
    return True


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    """Copy in the kernel, which shares the blocks where the file system can, else by hand."""
    left = size
    with suppress(OSError):  # not between these file systems
        while left and (
            done := os.copy_file_range(source.fileno(), target.fileno(), left)
        ):
            left -= done
    source.seek(size - left)
    target.seek(size - left)
    while left and (chunk := source.read(min(CHUNK_BYTES, left))):
        target.write(chunk)
        left -= len(chunk)


def _mode_of(name: str, folder: int, located: str) -> int | None:
    """Tell the permissions of the file to replace; None: there is none."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    _require_file(found, located)
    return stat.S_IMODE(found.st_mode) & 0o777


def _require_file(found: os.stat_result, located: str) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), located)
    if not stat.S_ISREG(found.st_mode):
        raise PathRefused(
            f"{located!r} is not a plain file: it is a link, pipe, socket or device."
        )
