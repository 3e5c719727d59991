"""Who is at the other end of a connection on this machine: a process of a run, or a person's.

Everything that an agent starts runs beneath a supervisor, which holds a lock while it is
there; the kernel says who holds it, whose a connection is, and who started whom. So it does
not matter what a process has done to its environment, session or name.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from tasks.access import agent_user

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LOCK = re.compile(r"FLOCK\s+\S+\s+READ\s+(\d+)\s+(\w+):(\w+):(\d+)")


def lock_file() -> Path:
    """Return the file on which every supervisor holds a shared lock while it is there."""
    return Path(_lock_name())


def _lock_name() -> str:
    return f"{settings.STAGENT_HOME}/agents.lock"  # a path takes its time to be made


def is_of_a_run(port: int | None, server_port: int | None) -> bool:
    """Tell whether the client at this local port may be a process of a run.

    No is certain, yes is not: of a client that cannot be found while agents run it is
    not known that it is none.
    """
    if _is_lock_free():
        return False
    supervisors = _supervisors()
    if not supervisors:
        return False
    found = dict(_connections(port, server_port))
    if not found:
        return True
    return any(
        agent_user.is_agents(uid)
        # Where the server is root, what is root is no agent.
        or (
            uid == os.geteuid() != 0
            and not _is_held_by_others(f"socket:[{inode}]", supervisors)
        )
        for inode, uid in found.items()
    )


def _is_lock_free() -> bool:
    """Tell at the cost of one system call, on every request, that no supervisor is there.

    Taken alone for a moment; a supervisor that starts meanwhile waits for as long.
    """
    try:
        handle = os.open(_lock_name(), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held, or a file system that does not tell
        return False
    else:
        return True
    finally:
        os.close(handle)


def _supervisors() -> set[int]:
    """Return the processes that hold the lock."""
    try:
        file = lock_file().stat()
    except FileNotFoundError:
        return set()
    wanted = f":{file.st_ino} "
    with open("/proc/locks") as locks:
        lines = [line for line in locks if wanted in line]
    device = (os.major(file.st_dev), os.minor(file.st_dev))
    return {
        int(found[1])
        for line in lines
        if (found := _LOCK.search(line))
        and (int(found[2], 16), int(found[3], 16)) == device
    }


def _connections(
    port: int | None, server_port: int | None
) -> Iterator[tuple[int, int]]:
    """Yield inode and user of the sockets at `port` that are connected to `server_port`."""
    if port is None or server_port is None:
        return
    ends = f":{port:04X}", f":{server_port:04X}"
    for table in _TABLES:
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except FileNotFoundError:  # no IPv6 here
            continue
        for line in lines:
            _, local, remote, _, _, _, _, uid, _, inode, *_ = line.split()
            if local.endswith(ends[0]) and remote.endswith(ends[1]) and inode != "0":
                yield int(inode), int(uid)


def _is_held_by_others(socket: str, supervisors: set[int]) -> bool:
    """Tell whether a process that is beneath no supervisor has this socket, and none that is."""
    parents = _parents()
    holders = [pid for pid in parents if _holds(pid, socket)]
    return bool(holders) and not any(
        _is_beneath(pid, supervisors, parents) for pid in holders
    )


def _holds(pid: int, socket: str) -> bool:
    folder = f"/proc/{pid}/fd"
    try:
        return any(
            os.readlink(f"{folder}/{handle}") == socket for handle in os.listdir(folder)
        )
    except OSError:  # gone, or of somebody else
        return False


def _is_beneath(pid: int, supervisors: set[int], parents: dict[int, int]) -> bool:
    while pid:
        if pid in supervisors:
            return True
        pid = parents.get(pid, 0)
    return False


def _parents() -> dict[int, int]:
    found = {}
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[int(name)] = int(fields[1])
    return found
