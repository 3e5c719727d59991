"""The user that agents run as where the server is root: one for every workspace.

Root is never needed to work on a task, and a command that is root on the machine can
leave any sandbox. So each workspace belongs to a user without a name, whose number no
account has, and whatever an agent starts runs as that user. Where the server is an
ordinary user, its agents are that user too.
"""

import os
import shutil
import stat
from functools import cache
from hashlib import sha256
from pathlib import Path

FIX = (
    "Run the server as an ordinary user, or let root change users: it needs setpriv (util-linux)"
    " and the capabilities CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID and SETUID, as Docker gives."
)
# First number and count. The first range is far above all accounts; the second is for
# containers, which often have 65,536 users.
_RANGES = ((2_000_000_000, 2**27), (20_000, 40_000))
_CAPABILITIES = sum(1 << number for number in (0, 1, 3, 5, 6, 7))


@cache
def obstacle() -> tuple[str, str]:
    """Return why agents cannot run here as somebody else than root, and what mends it."""
    if not _is_machines_root() or _range():
        return "", ""
    return "The server is root, and agents cannot get a user of their own.", FIX


def find_user(workspace: str) -> int | None:
    """Return the number of the user and group to run agents as; None: ours."""
    users = _range()
    if users is None:
        return None
    owner = os.stat(workspace).st_uid
    return owner if _is_agents(owner) else _number(workspace, *users)


def is_agents(uid: int) -> bool:
    """Tell whether a process of this user may be an agent's, and nobody else's."""
    return _range() is not None and _is_agents(uid)


def take_over(workspace: str) -> int | None:
    """Give a workspace and all in it to its user, unless they are; return the user."""
    user = find_user(workspace)
    if user is not None and os.stat(workspace).st_uid != user:
        give(workspace, user)
        os.chmod(workspace, 0o700)
    return user


def give(folder: str | os.PathLike[str], user: int | None) -> None:
    """Give a folder and all in it to `user`; links are given, never what they lead to."""
    if user is None:
        return
    for _, folders, files, handle in os.fwalk(folder):
        for name in (*folders, *files):
            _give_one(name, user, handle)
    # Last, so that what was interrupted is done again.
    os.chown(folder, user, user)


def share(handle: int, folder: int) -> None:
    """Give what was just made in `folder` to the folder's owner, where we are root."""
    if os.geteuid() == 0:
        found = os.fstat(folder)
        os.fchown(handle, found.st_uid, found.st_gid)


def share_path(path: Path, folder: Path) -> None:
    """Likewise for a path in a workspace in which nothing runs."""
    if os.geteuid() == 0:
        found = folder.stat()
        os.chown(path, found.st_uid, found.st_gid, follow_symlinks=False)


def _give_one(name: str, user: int, folder: int) -> None:
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    # Another name of such a file may be anywhere on the machine.
    if stat.S_ISDIR(found.st_mode) or found.st_nlink == 1:
        os.chown(name, user, user, dir_fd=folder, follow_symlinks=False)


def _is_agents(uid: int) -> bool:
    return any(first <= uid < first + count for first, count in _RANGES)


def _number(workspace: str, first: int, count: int) -> int:
    digest = sha256(os.fsencode(workspace)).digest()
    return first + int.from_bytes(digest[:8]) % count


@cache
def _range() -> tuple[int, int] | None:
    """Return the users that we may become; None: we are no root, or cannot."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        return None
    if _effective_capabilities() & _CAPABILITIES != _CAPABILITIES:
        return None
    maps = _map("uid_map"), _map("gid_map")
    for first, count in _RANGES:
        if all(_holds(one, first, count) for one in maps):
            return first, count
    return None


def _is_machines_root() -> bool:
    """Tell whether we are root outside of our user namespace too."""
    return os.geteuid() == 0 and any(
        inside == outside == 0 for inside, outside, _ in _map("uid_map")
    )


def _map(name: str) -> list[tuple[int, int, int]]:
    lines = Path(f"/proc/self/{name}").read_text().splitlines()
    return [
        (int(inside), int(outside), int(count))
        for inside, outside, count in (line.split() for line in lines)
    ]


def _holds(mapped: list[tuple[int, int, int]], first: int, count: int) -> bool:
    return any(
        inside <= first and first + count <= inside + size for inside, _, size in mapped
    )


def _effective_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0
